"""The applications' OpenAPI, and the TypeScript clients that are generated from it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pixstore_asgi import ImageRecord
from tests.applications.api_applications import FASTAPI, LITESTAR, ApiApplication
from tests.support.paths import ROOT
from tests.support.tools import require

CLIENT = ROOT / "js_client" / "types"
PAGE = """
import { getImage, getImages, peek } from "pixstore-asgi-client";
import "pixstore-asgi-client/element";
import { PixImage, useImage } from "pixstore-asgi-client/react";
import { useImage as useVueImage } from "pixstore-asgi-client/vue";

import type { components, paths } from "./NAME.api.js";

type View = components["schemas"]["VIEW"];
declare const views: paths["PATH"]["get"]["responses"][200]["content"]["application/json"];

export function Picture({ view }: { view: View }) {
  const small = view.picture.variants?.["thumb"];
  const { url } = useImage(small ?? view.picture);
  return <a href={url}><PixImage record={view.picture} alt={view.TEXT} width={160} /></a>;
}

for (const { picture } of views) {
  const blob: Blob = await getImage(picture);
  console.log(blob.size, peek(picture)?.url, useVueImage(() => picture));
  document.querySelector("pix-image")!.record = picture;
}
for await (const { record } of getImages(views.map(({ picture }) => picture))) console.log(record.id);

// @ts-expect-error: a view is no record
await getImage(views[0]!);
"""
OPTIONS = {
    "strict": True,
    "exactOptionalPropertyTypes": True,
    "noUncheckedIndexedAccess": True,
    "skipLibCheck": True,
    "noEmit": True,
    "target": "es2022",
    "module": "esnext",
    "moduleResolution": "bundler",
    "jsx": "react-jsx",
    "types": [],
    "lib": ["es2022", "dom", "dom.iterable"],
    "paths": {
        "pixstore-asgi-client": [str(CLIENT / "index.d.ts")],
        "pixstore-asgi-client/element": [str(CLIENT.parent / "element.d.ts")],
        "pixstore-asgi-client/*": [str(CLIENT / "*" / "index.d.ts")],
    },
}


VIEWS = {FASTAPI: "DishView", LITESTAR: "PostView"}


def schema_of(application: ApiApplication) -> Any:
    """Return the OpenAPI document of an application."""
    app = application.load()
    return app.openapi() if application is FASTAPI else app.openapi_schema.to_schema()


@pytest.mark.parametrize("application", VIEWS, ids=lambda each: each.package)
def test_openapi_has_the_picture(application: ApiApplication) -> None:
    """The schema has records in the views of rows, and the image as the body of an upload through a dependency."""
    schema = schema_of(application)
    types = schema["components"]["schemas"]
    assert types[VIEWS[application]]["properties"]["picture"] == {"$ref": "#/components/schemas/ImageRecord"}
    assert types["ImageRecord"]["required"] == ImageRecord.json_schema()["required"]
    assert "image/png" in schema["paths"][f"/api/{application.rows}"]["post"]["requestBody"]["content"]


@pytest.mark.parametrize("application", VIEWS, ids=lambda each: each.package)
def test_openapi_lists_no_header_of_the_client(application: ApiApplication) -> None:
    """A client that hey-api generates then accepts the headers of its calls, such as Authorization, as before."""
    operations = [each for path in schema_of(application)["paths"].values() for each in path.values()]
    parameters = [each for operation in operations for each in operation.get("parameters", [])]
    assert [each["name"] for each in parameters if each["in"] == "header"] == []


@pytest.mark.slow
def test_generated_records_are_accepted(tmp_path: Path, npm_packages: Path) -> None:
    """In a strict project, `getImage` and all components accept the records of the generated types."""
    tools = npm_packages / ".bin"
    generator = require("openapi-typescript", "openapi-typescript (npm ci in tests/js)", tools)
    for application, view in VIEWS.items():
        name = application.package
        document = tmp_path / f"{name}.json"
        document.write_text(json.dumps(schema_of(application)))
        subprocess.run([generator, document, "-o", tmp_path / f"{name}.api.d.ts"], check=True, capture_output=True)
        page = PAGE.replace("NAME", name).replace("VIEW", view)
        page = page.replace("PATH", f"/api/{application.rows}").replace("TEXT", application.text)
        (tmp_path / f"{name}.tsx").write_text(page)
    (tmp_path / "node_modules").symlink_to(npm_packages)
    project = {"compilerOptions": OPTIONS, "files": [f"{each.package}.tsx" for each in VIEWS]}
    (tmp_path / "tsconfig.json").write_text(json.dumps(project))
    checked = subprocess.run([tools / "tsc", "-p", tmp_path], check=False, capture_output=True, text=True)
    assert checked.stdout == ""
    assert checked.returncode == 0
