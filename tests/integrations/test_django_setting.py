"""Django: the application `pixstore` and its one setting."""

import subprocess
import sys

import pytest
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import request_finished
from django.db.models.signals import post_save, pre_delete, pre_save
from django.test.utils import override_settings

from pixstore_asgi.integrations.django import get_pixstore
from pixstore_asgi.testing import MemoryPixstore
from tests.support.django_setup import APPS, configure_django

configure_django()


def test_the_setting_is_the_projects_pixstore() -> None:
    """Every call returns the object of the setting, which a test may replace."""
    assert apps.get_app_config("pixstore").name == "pixstore_asgi.integrations.django"
    with override_settings(PIXSTORE=MemoryPixstore()):
        assert get_pixstore() is get_pixstore()


@pytest.mark.parametrize(("value", "named"), [(None, "missing"), ("pixstore.db", "str")])
def test_another_setting_is_an_error_with_an_example(value: object, named: str) -> None:
    """A missing setting, and one that is no Pixstore, say what the setting must be."""
    with override_settings(PIXSTORE=value), pytest.raises(ImproperlyConfigured, match=rf"BASE_DIR / .*, not {named}"):
        get_pixstore()


def test_applications_that_are_set_up_again_are_connected_once() -> None:
    """A test that changes INSTALLED_APPS makes Django call `ready` again."""
    signals = (pre_save, post_save, pre_delete, request_finished)
    before = [len(signal.receivers) for signal in signals]
    with override_settings(INSTALLED_APPS=APPS):
        assert [len(signal.receivers) for signal in signals] == before


@pytest.mark.slow
def test_without_django_the_error_has_the_pip_command() -> None:
    """The import names the package to install."""
    code = "import sys; sys.modules['django'] = None; import pixstore_asgi.integrations.django"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "4.2 or newer: pip install django" in child.stderr
