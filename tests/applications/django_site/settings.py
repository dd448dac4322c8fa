"""The settings of the museum."""

from .pictures import FILE_UPLOAD_HANDLERS, FOLDER, PICTURES, PIXSTORE

__all__ = ["FILE_UPLOAD_HANDLERS", "PIXSTORE"]

HERE = __name__.rpartition(".")[0]
ALLOWED_HOSTS = ["127.0.0.1", "testserver"]
AUTH_USER_MODEL = "exhibits.Member"
ASGI_APPLICATION = f"{HERE}.asgi.application"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": FOLDER / "museum.db"}}
DEBUG = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    PICTURES,
    f"{HERE}.exhibits",
]
LOGIN_URL = "admin:login"
MIDDLEWARE = [
    f"{PICTURES}.PixstoreErrors",
    f"{HERE}.policy.strict_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick, for tests
REST_FRAMEWORK = {"DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.DjangoModelPermissionsOrAnonReadOnly"]}
ROOT_URLCONF = f"{HERE}.urls"
SECRET_KEY = "the secret key of the museum, which is long enough for Django"
STATIC_URL = "/static/"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
USE_TZ = True
