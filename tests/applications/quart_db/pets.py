"""Pets: add, list, change the picture, delete."""

from typing import Any

from quart import Blueprint, abort, g, request, session

from .accounts import keepers_only
from .pictures import delete_picture, new_picture, with_pictures

blueprint = Blueprint("pets", __name__, url_prefix="/api/pets")
SELECT = "SELECT pet.id, pet.name, pet.picture, keeper.name AS keeper FROM pet JOIN keeper ON keeper.id = pet.keeper"


@blueprint.post("")
@keepers_only
async def add() -> tuple[dict[str, Any], int]:
    async with new_picture() as picture:
        pet_id = await g.connection.fetch_val(
            "INSERT INTO pet (name, keeper, picture) VALUES (:name, :keeper, :picture) RETURNING id",
            {"name": request.args.get("name"), "keeper": session["keeper"], "picture": picture},
        )
    return await _pet(pet_id), 201


@blueprint.get("")
@keepers_only
async def all_pets() -> list[dict[str, Any]]:
    return await with_pictures(await g.connection.fetch_all(f"{SELECT} ORDER BY pet.id"))


@blueprint.put("/<int:pet_id>/picture")
@keepers_only
async def change(pet_id: int) -> dict[str, Any]:
    old = await _own_picture(pet_id)
    async with new_picture() as picture:
        await g.connection.execute("UPDATE pet SET picture = :new WHERE id = :id", {"new": picture, "id": pet_id})
    await delete_picture(old)
    return await _pet(pet_id)


@blueprint.delete("/<int:pet_id>")
@keepers_only
async def remove(pet_id: int) -> tuple[str, int]:
    picture = await _own_picture(pet_id)
    await g.connection.execute("DELETE FROM pet WHERE id = :id", {"id": pet_id})
    await delete_picture(picture)
    return "", 204


async def _pet(pet_id: int) -> dict[str, Any]:
    (pet,) = await with_pictures([await g.connection.fetch_first(f"{SELECT} WHERE pet.id = :id", {"id": pet_id})])
    return pet


async def _own_picture(pet_id: int) -> str:
    pet = await g.connection.fetch_first("SELECT keeper, picture FROM pet WHERE id = :id", {"id": pet_id})
    if pet is None:
        abort(404)
    if pet["keeper"] != session["keeper"]:
        abort(403)
    return str(pet["picture"])
