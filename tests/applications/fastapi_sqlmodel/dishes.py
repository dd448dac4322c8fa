"""Dishes: add, list, change the picture, delete."""

from fastapi import APIRouter, HTTPException
from sqlmodel import select

from .accounts import SignedIn
from .database import Database
from .models import Cook, Dish
from .pictures import DishView, SentPicture, Show, no_store, upload

router = APIRouter(prefix="/api/dishes", dependencies=[no_store])


@router.post("", status_code=201, openapi_extra=upload)
def add(name: str, picture: SentPicture, cook: SignedIn, database: Database, show: Show) -> DishView:
    database.commit()  # returns the connection before the upload
    dish = Dish(name=name, picture=picture, cook=cook)
    database.add(dish)
    database.commit()
    return show([dish])[0]


@router.get("")
def all_dishes(cook: SignedIn, database: Database, show: Show) -> list[DishView]:
    return show(database.exec(select(Dish).order_by(Dish.name)).all())


@router.put("/{dish_id}/picture", openapi_extra=upload)
def change(dish_id: int, picture: SentPicture, cook: SignedIn, database: Database, show: Show) -> DishView:
    dish = _own(dish_id, cook, database)
    database.commit()  # returns the connection before the upload
    dish.picture = picture
    database.commit()
    return show([dish])[0]


@router.delete("/{dish_id}", status_code=204)
def remove(dish_id: int, cook: SignedIn, database: Database) -> None:
    database.delete(_own(dish_id, cook, database))
    database.commit()


def _own(dish_id: int, cook: Cook, database: Database) -> Dish:
    dish = database.get(Dish, dish_id)
    if dish is None:
        raise HTTPException(404, "there is no such dish")
    if dish.cook_id != cook.id:
        raise HTTPException(403, "this dish is another cook's")
    return dish
