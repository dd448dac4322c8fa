"""As makemigrations writes it."""

from django.db import migrations, models

import pixstore_asgi.integrations.django


class Migration(migrations.Migration):
    initial = True
    dependencies = ()
    operations = (
        migrations.CreateModel(
            name="Exhibit",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("title", models.CharField(max_length=100)),
                ("is_shown", models.BooleanField(default=True)),
                ("picture", pixstore_asgi.integrations.django.PictureField(blank=True, upload_to="exhibits")),
            ],
            options={"ordering": ("title",)},
        ),
    )
