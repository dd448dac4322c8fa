"""The museum's own tests, as Django's test runner finds them."""

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import TestCase
from django.urls import reverse

from tests.support.samples import picture

from .models import Exhibit, Member


def upload(kind: str = "png") -> SimpleUploadedFile:
    return SimpleUploadedFile(f"vase.{kind}", picture(kind), f"image/{kind}")


def is_stored(name: str) -> bool:
    return Exhibit(picture=name).picture.storage.exists(name)


class AdminTest(TestCase):
    def setUp(self) -> None:
        self.client.force_login(Member.objects.create_superuser("ada"))

    def save(self, url: str, **fields: Any) -> Exhibit:
        """Send the admin's form, and run the hooks of the commit."""
        with self.captureOnCommitCallbacks(execute=True):
            answer = self.client.post(url, {"title": "Vase", "is_shown": "on", **fields})
        self.assertRedirects(answer, reverse("admin:exhibits_exhibit_changelist"))
        return Exhibit.objects.get()

    def test_a_picture_is_added_shown_and_replaced(self) -> None:
        """The admin's pages show it, and a replaced or cleared picture is deleted."""
        exhibit = self.save(reverse("admin:exhibits_exhibit_add"), picture=upload())
        first, change = exhibit.picture.name or "", reverse("admin:exhibits_exhibit_change", args=[exhibit.pk])
        for url in (change, reverse("admin:exhibits_exhibit_changelist")):
            self.assertContains(self.client.get(url), f'src-id="{first}"')
            self.assertContains(self.client.get(url), "/-/page.js")
        second = self.save(change, picture=upload("jpeg")).picture.name or ""
        assert [is_stored(first), is_stored(second)] == [False, True]
        assert self.save(change, **{"picture-clear": "on"}).picture.name == ""
        assert not is_stored(second)

    def test_a_file_that_is_no_picture_is_an_error_of_the_form(self) -> None:
        """The form names the error, and nothing is saved."""
        text = SimpleUploadedFile("vase.png", b"<html>", "image/png")
        answer = self.client.post(reverse("admin:exhibits_exhibit_add"), {"title": "Vase", "picture": text})
        self.assertContains(answer, "Upload a valid image")
        assert not Exhibit.objects.exists()


class ApiTest(TestCase):
    def setUp(self) -> None:
        self.client.force_login(Member.objects.create_superuser("ada"))

    def test_an_upload_returns_its_record(self) -> None:
        """The answer is not cached, and the list has the same picture."""
        answer = self.client.post("/api/exhibits/", {"title": "Vase", "picture": upload()})
        assert answer.status_code == 201
        assert answer.headers["cache-control"] == "no-store"
        listed = self.client.get("/api/exhibits/").json()
        assert [each["picture"]["id"] for each in listed] == [answer.json()["picture"]["id"]]

    def test_only_staff_sees_hidden_exhibits(self) -> None:
        """Others get an empty list."""
        self.client.post("/api/exhibits/", {"title": "Vase", "picture": upload(), "is_shown": "false"})
        self.client.force_login(Member.objects.create_user("bob"))
        assert self.client.get("/api/exhibits/").json() == []
        self.client.logout()
        assert self.client.get("/api/exhibits/").json() == []


class PageTest(TestCase):
    def test_the_page_shows_the_pictures_of_its_user(self) -> None:
        """A hidden exhibit is not on the page."""
        shown, hidden = Exhibit(title="Vase", picture=upload()), Exhibit(title="Mask", picture=upload(), is_shown=False)
        for exhibit in (shown, hidden):
            exhibit.save()
        self.client.force_login(Member.objects.create_user("bob"))
        page = self.client.get("/")
        self.assertContains(page, f'src-id="{shown.picture.name}"')
        self.assertNotContains(page, hidden.picture.name or "")
        self.client.logout()
        self.assertRedirects(self.client.get("/"), "/admin/login/?next=/", fetch_redirect_response=False)
