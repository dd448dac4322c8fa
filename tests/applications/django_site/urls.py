"""The paths of the museum."""

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path
from rest_framework.routers import DefaultRouter

from .exhibits import api, views

router = DefaultRouter()
router.register("exhibits", api.Exhibits, basename="exhibit")  # pyright: ignore[reportUnknownMemberType]

urlpatterns = [
    path("", views.exhibits, name="exhibits"),
    path("admin/", admin.site.urls),
    path("api/", include(router.urls)),  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    path("logout", LogoutView.as_view(next_page="exhibits"), name="logout"),
]
