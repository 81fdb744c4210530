"""The cars of the demo world: what each is, down to a VIN whose check digit is right."""

from __future__ import annotations

import random
import re
import unicodedata
from dataclasses import dataclass, replace

from tui.demo.catalogue import DEALERS, MODELS, PAINTS, TRIMS, Body, Colour, Dealer, Model

HOSTILE_TITLE = '[/red] 1972 BMW 2002 "tii" \x1b[31m'
"""A name that breaks whoever takes text from outside for markup or sends it raw to a terminal."""

_MAKERS = {
    "Porsche": "WP0",
    "BMW": "WBA",
    "Mercedes-Benz": "WDB",
    "Audi": "WAU",
    "Volkswagen": "WVW",
    "Volvo": "YV1",
    "Saab": "YS3",
    "Jaguar": "SAJ",
    "Aston Martin": "SCF",
    "Land Rover": "SAL",
    "Ferrari": "ZFF",
    "Lamborghini": "ZA9",
    "Lancia": "ZLA",
    "Alfa Romeo": "ZAR",
    "Ford": "1FA",
    "Chevrolet": "1G1",
    "Jeep": "1J4",
    "Toyota": "JT3",
    "Lexus": "JTJ",
    "Nissan": "JN1",
    "Datsun": "JN1",
    "Honda": "JHM",
    "Mazda": "JM1",
    "Subaru": "JF2",
}
_VIN_SIGNS = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
_VIN_VALUES = dict(zip(_VIN_SIGNS, "123456781234579234567890123456789", strict=True))
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_VIN_YEARS = "ABCDEFGHJKLMNPRSTVWXY123456789"


@dataclass(frozen=True, slots=True)
class Car:
    """One car for sale; `stock` is its number at the dealer, unique in the world, `price` is in dollars."""

    stock: int
    dealer: Dealer
    year: int
    make: str
    model: str
    trim: str
    body: Body
    paint: Colour
    upholstery: Colour
    vin: str
    mileage: int
    price: int
    title: str

    @property
    def slug(self) -> str:
        """The car as its dealer's URLs spell it, e.g. `1967-porsche-911-s`."""
        plain = unicodedata.normalize("NFKD", f"{self.year} {self.make} {self.model}").encode("ascii", "ignore")
        return re.sub(r"[^a-z0-9]+", "-", plain.decode().lower()).strip("-")

    @property
    def link(self) -> str:
        """Its page on the dealer's website."""
        return f"{self.dealer.website}inventory/{self.slug}-{self.stock}"


def check_digit(vin: str) -> str:
    """The sign that belongs at the ninth place of a 17-sign VIN (49 CFR 565.15)."""
    total = sum(int(_VIN_VALUES[sign]) * weight for sign, weight in zip(vin, _VIN_WEIGHTS, strict=True))
    return "X" if total % 11 == 10 else str(total % 11)


def build_cars(rng: random.Random) -> list[Car]:
    """Every car of the world, dealer by dealer."""
    cars: list[Car] = []
    for dealer in DEALERS:
        cars += [_car(rng, dealer, model, stock) for stock, model in enumerate(_stock(rng, dealer), 10_000 + len(cars))]
    return cars


def hostile(car: Car) -> Car:
    """The car under a hostile name."""
    bmw = next(model for model in MODELS if model.model == "2002")
    vin = _vin(random.Random(car.stock), "BMW", 1972, car.stock)
    named = replace(car, year=1972, make="BMW", model=bmw.model, trim="tii", body=bmw.body, vin=vin)
    return replace(named, title=HOSTILE_TITLE, price=bmw.price)


def _stock(rng: random.Random, dealer: Dealer) -> list[Model]:
    kinds = set(dealer.stock.split())
    models = [model for model in MODELS if kinds & set(model.kinds.split())]
    rng.shuffle(models)
    return [models[i % len(models)] for i in range(dealer.vehicles)]


def _car(rng: random.Random, dealer: Dealer, model: Model, stock: int) -> Car:
    year, trim = rng.randint(model.first, model.last), rng.choice(model.trims)
    return Car(
        stock=stock,
        dealer=dealer,
        year=year,
        make=model.make,
        model=model.model,
        trim=trim,
        body=model.body,
        paint=rng.choice(PAINTS),
        upholstery=rng.choice(TRIMS),
        vin=_vin(rng, model.make, year, stock),
        mileage=_mileage(rng, year),
        price=_price(rng, model.price),
        title=f"{year} {model.make} {model.model} {trim}",
    )


def _mileage(rng: random.Random, year: int) -> int:
    most = min(2_200 * (2025 - year), 148_000)
    return max(900, int(most * rng.triangular(0.15, 1.0, 0.55)))


def _price(rng: random.Random, good: int) -> int:
    return round(good * rng.uniform(0.72, 1.2) / 50) * 50


def _vin(rng: random.Random, make: str, year: int, stock: int) -> str:
    maker = _MAKERS.get(make, "1B3")
    described = "".join(rng.choices(_VIN_SIGNS, k=5))
    vin = f"{maker}{described}0{_VIN_YEARS[(year - 1980) % 30]}{rng.choice(_VIN_SIGNS)}{stock:06d}"
    return vin[:8] + check_digit(vin) + vin[9:]
