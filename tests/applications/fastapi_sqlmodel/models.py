"""The tables."""

from sqlmodel import Column, Field, Relationship, SQLModel

from .pictures import PictureType


class Cook(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    password: bytes


class Dish(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str
    picture: str = Field(sa_column=Column(PictureType("dishes"), nullable=False, index=True))
    cook_id: int | None = Field(default=None, foreign_key="cook.id")
    cook: Cook = Relationship()
