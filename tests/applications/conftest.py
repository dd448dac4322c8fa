"""The folders of the applications in this process: each reads its own when it is imported."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.applications.api_applications import API_APPLICATIONS


@pytest.fixture(scope="session", autouse=True)
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Return the folder of each application, by its environment variable, which all tests of the process share."""
    made = {each.folder: tmp_path_factory.mktemp(each.folder.lower()) for each in API_APPLICATIONS}
    with pytest.MonkeyPatch.context() as patch:
        for name, folder in made.items():
            patch.setenv(name, str(folder))
        yield made
