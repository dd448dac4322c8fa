"""The folders of the applications in this process: each reads its own when it is imported."""

from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDERS = ("CLUB_FOLDER", "RESTAURANT_FOLDER", "SHELTER_FOLDER")


@pytest.fixture(scope="session", autouse=True)
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Return the folder of each application, by its environment variable, which all tests of the process share."""
    made = {name: tmp_path_factory.mktemp(name.lower()) for name in FOLDERS}
    with pytest.MonkeyPatch.context() as patch:
        for name, folder in made.items():
            patch.setenv(name, str(folder))
        yield made
