"""The page of the exhibits."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from ..pictures import page_records
from .models import exhibits_for


@login_required
def exhibits(request: HttpRequest) -> HttpResponse:
    shown = list(exhibits_for(request.user).exclude(picture=""))
    records = page_records(request, [exhibit.picture for exhibit in shown])
    return render(request, "exhibits/list.html", {"exhibits": shown, "pixstore_records": records})
