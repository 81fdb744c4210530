"""Who sells what: the dealers of the demo world, the cars they may have, paints and prices."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

Colour = tuple[int, int, int]


class Body(StrEnum):
    """The shapes a car can have in a picture."""

    COUPE = "coupe"
    FASTBACK = "fastback"
    SEDAN = "sedan"
    WAGON = "wagon"
    SUV = "suv"
    TRUCK = "truck"
    ROADSTER = "roadster"


@dataclass(frozen=True, slots=True)
class Dealer:
    """An organization: `hosts` are where its photos live, `stock` the kinds of cars it sells.

    `photos` bounds the photos of one of its vehicles.
    """

    name: str
    domain: str
    vehicles: int
    hosts: tuple[str, ...]
    stock: str
    photos: tuple[int, int] = (5, 15)

    @property
    def website(self) -> str:
        """Its home page, under a TLD that RFC 2606 keeps from ever existing."""
        return f"http://www.{self.domain}.example/"


@dataclass(frozen=True, slots=True)
class Model:
    """A model as it was sold: years are inclusive, `price` is what a good one costs today in dollars."""

    make: str
    model: str
    body: Body
    first: int
    last: int
    trims: tuple[str, ...]
    price: int
    kinds: str


LOTPIX = "cdn.lotpix.example"
DEALERBOX = "static.dealerbox.example"

DEALERS = (
    Dealer("Hill Country Classics", "hillcountry", 44, ("img.hillcountry.example",), "classic muscle"),
    Dealer("Gulf Motorcars", "gulfmotorcars", 40, (LOTPIX, "img.gulfmotorcars.example"), "german modern", (6, 16)),
    Dealer("Nordic Garage", "nordicgarage", 24, ("img.nordicgarage.example",), "nordic german"),
    Dealer("Blue Ridge Sports Cars", "blueridge", 24, ("media.blueridge.example",), "roadster german", (5, 13)),
    Dealer("Pacific Crest Motors", "pacificcrest", 40, (LOTPIX,), "modern japan"),
    Dealer("Old Mill Auto", "oldmill", 30, ("old.oldmill.example",), "modern classic", (4, 12)),
    Dealer("Lakeshore Imports", "lakeshore", 30, ("photos.lakeshore.example",), "japan nordic"),
    Dealer("Desert Rose Restorations", "desertrose", 12, ("img.desertrose.example",), "classic", (3, 5)),
    Dealer("Prairie Truck & 4x4", "prairietruck", 36, (LOTPIX, "img.prairietruck.example"), "truck"),
    Dealer("Empire State Exotics", "empireexotics", 18, ("img.empireexotics.example",), "exotic", (10, 19)),
    Dealer("Magnolia Vintage", "magnolia", 28, (DEALERBOX,), "classic roadster"),
    Dealer("Cascade Overland", "cascadeoverland", 30, (DEALERBOX, "img.cascadeoverland.example"), "truck", (6, 16)),
    Dealer("Red Barn Rods", "redbarn", 22, ("img.redbarn.example",), "muscle"),
    Dealer("Sundown Auto Collection", "sundown", 24, (LOTPIX,), "muscle exotic"),
    Dealer("Autohaus König", "koenig", 22, ("bilder.koenig.example",), "german"),
    Dealer("Harbor Street Motors", "harborstreet", 12, ("img.harborstreet.example",), "roadster nordic", (4, 9)),
)

_COUPE, _FAST, _SEDAN, _WAGON = Body.COUPE, Body.FASTBACK, Body.SEDAN, Body.WAGON
_SUV, _TRUCK, _ROADSTER = Body.SUV, Body.TRUCK, Body.ROADSTER

MODELS = (
    Model("Porsche", "911 S", _FAST, 1967, 1973, ("Coupe", "Targa"), 168_000, "german classic"),
    Model("Porsche", "911 Carrera", _FAST, 1984, 1989, ("3.2", "Club Sport"), 84_000, "german"),
    Model("Porsche", "911 Turbo", _FAST, 1991, 2005, ("3.6", "S"), 142_000, "german exotic"),
    Model("Porsche", "944", _FAST, 1983, 1991, ("S2", "Turbo"), 27_000, "german"),
    Model("Porsche", "356 Speedster", _ROADSTER, 1955, 1958, ("1600",), 310_000, "roadster classic"),
    Model("Porsche", "Boxster", _ROADSTER, 1998, 2012, ("S", "Spyder"), 31_000, "german roadster"),
    Model("BMW", "2002", _COUPE, 1968, 1975, ("tii", "Automatic"), 38_000, "german classic"),
    Model("BMW", "3.0 CSL", _COUPE, 1972, 1975, ("Batmobile", "City"), 210_000, "german"),
    Model("BMW", "M3", _COUPE, 1988, 2006, ("Evolution", "Competition"), 61_000, "german"),
    Model("BMW", "530i", _SEDAN, 2001, 2016, ("Sport", "M Sport"), 14_500, "german modern"),
    Model("BMW", "Z3", _ROADSTER, 1996, 2002, ("1.9", "2.8", "M"), 17_500, "german roadster"),
    Model("Mercedes-Benz", "280 SL", _ROADSTER, 1968, 1971, ("Pagoda",), 128_000, "roadster classic"),
    Model("Mercedes-Benz", "300 TD", _WAGON, 1979, 1985, ("Turbodiesel",), 21_000, "german"),
    Model("Mercedes-Benz", "190E", _SEDAN, 1984, 1993, ("2.3-16", "2.6"), 24_000, "german"),
    Model("Mercedes-Benz", "G 500", _SUV, 2002, 2015, ("Classic",), 52_000, "german truck"),
    Model("Audi", "Quattro", _COUPE, 1983, 1990, ("10V", "20V"), 66_000, "german"),
    Model("Audi", "RS 2 Avant", _WAGON, 1994, 1995, ("Nogaro",), 79_000, "german"),
    Model("Audi", "A6", _SEDAN, 2005, 2019, ("3.0 TFSI", "Allroad"), 18_900, "modern german"),
    Model("Volkswagen", "Karmann Ghia", _COUPE, 1960, 1974, ("Type 14",), 29_000, "classic german"),
    Model("Volvo", "P1800", _COUPE, 1963, 1972, ("S", "E"), 44_000, "nordic classic"),
    Model("Volvo", "240", _WAGON, 1981, 1993, ("DL", "GL", "Turbo"), 15_500, "nordic"),
    Model("Volvo", "Amazon", _SEDAN, 1962, 1969, ("122 S", "123 GT"), 26_000, "nordic classic"),
    Model("Volvo", "V70", _WAGON, 1998, 2010, ("T5", "R AWD"), 9_800, "nordic modern"),
    Model("Saab", "900", _COUPE, 1984, 1993, ("Turbo", "SPG"), 22_000, "nordic"),
    Model("Saab", "Sonett", _FAST, 1967, 1974, ("II", "III"), 19_500, "nordic"),
    Model("Saab", "9-5", _SEDAN, 1999, 2009, ("Aero",), 6_900, "nordic modern"),
    Model("Jaguar", "E-Type", _FAST, 1962, 1974, ("4.2", "V12"), 119_000, "classic exotic"),
    Model("Austin-Healey", "3000", _ROADSTER, 1959, 1967, ("Mk II", "Mk III"), 68_000, "roadster classic"),
    Model("Austin-Healey", "Sprite", _ROADSTER, 1958, 1969, ("Mk I", "Mk IV"), 21_500, "roadster"),
    Model("Triumph", "TR6", _ROADSTER, 1969, 1976, ("PI",), 26_000, "roadster classic"),
    Model("MG", "MGB", _ROADSTER, 1963, 1980, ("Mk I", "Limited Edition"), 17_000, "roadster"),
    Model("Alfa Romeo", "Spider", _ROADSTER, 1967, 1993, ("Duetto", "Veloce"), 32_000, "roadster"),
    Model("Mazda", "MX-5 Miata", _ROADSTER, 1990, 2021, ("Club", "M Edition"), 14_000, "roadster japan"),
    Model("Ferrari", "Dino 246", _FAST, 1969, 1974, ("GT",), 365_000, "exotic"),
    Model("Ferrari", "F355", _FAST, 1995, 1999, ("Berlinetta",), 142_000, "exotic"),
    Model("Lamborghini", "Countach", _FAST, 1979, 1989, ("LP500 S", "25th Anniversary"), 540_000, "exotic"),
    Model("Lancia", "Delta HF", _SEDAN, 1988, 1994, ("Integrale",), 88_000, "exotic"),
    Model("Aston Martin", "DB5", _COUPE, 1963, 1965, ("Vantage",), 780_000, "exotic classic"),
    Model("Ford", "Mustang", _FAST, 1965, 1970, ("Fastback", "GT", "Mach 1"), 58_000, "muscle classic"),
    Model("Ford", "Thunderbird", _ROADSTER, 1955, 1957, ("Convertible",), 46_000, "classic"),
    Model("Ford", "Bronco", _SUV, 1966, 1977, ("Sport", "Ranger"), 74_000, "truck classic"),
    Model("Ford", "F-100", _TRUCK, 1956, 1972, ("Custom Cab", "Ranger"), 36_000, "truck muscle"),
    Model("Ford", "F-150", _TRUCK, 2004, 2022, ("XLT", "Lariat"), 28_000, "truck modern"),
    Model("Chevrolet", "Camaro", _COUPE, 1967, 1973, ("SS", "Z/28", "RS"), 64_000, "muscle"),
    Model("Chevrolet", "Corvette", _ROADSTER, 1958, 1967, ("Sting Ray", "Fuelie"), 97_000, "muscle classic"),
    Model("Chevrolet", "Bel Air", _SEDAN, 1955, 1957, ("Sport Sedan",), 54_000, "muscle classic"),
    Model("Chevrolet", "C10", _TRUCK, 1960, 1987, ("Cheyenne", "Silverado"), 33_000, "truck muscle"),
    Model("Chevrolet", "Nomad", _WAGON, 1955, 1957, ("Bel Air",), 78_000, "classic"),
    Model("Dodge", "Charger", _FAST, 1968, 1974, ("R/T", "500"), 82_000, "muscle"),
    Model("Plymouth", "Barracuda", _COUPE, 1970, 1974, ("'Cuda 340", "Hemi"), 91_000, "muscle"),
    Model("Pontiac", "GTO", _COUPE, 1964, 1970, ("Judge", "Tri-Power"), 67_000, "muscle"),
    Model("Oldsmobile", "Vista Cruiser", _WAGON, 1968, 1972, ("455",), 31_000, "muscle"),
    Model("Jeep", "CJ-7", _SUV, 1976, 1986, ("Renegade", "Laredo"), 24_000, "truck"),
    Model("Jeep", "Grand Wagoneer", _SUV, 1984, 1991, ("Limited",), 49_000, "truck classic"),
    Model("Land Rover", "Defender", _SUV, 1990, 2016, ("90", "110"), 69_000, "truck"),
    Model("Toyota", "Land Cruiser", _SUV, 1978, 2008, ("FJ40", "FJ60", "FZJ80"), 38_000, "truck japan"),
    Model("Toyota", "Hilux", _TRUCK, 1979, 1995, ("SR5", "Xtracab"), 19_500, "truck japan"),
    Model("Toyota", "Camry", _SEDAN, 1997, 2023, ("LE", "XSE"), 13_400, "modern"),
    Model("Toyota", "2000GT", _FAST, 1967, 1970, ("MF10",), 910_000, "exotic"),
    Model("Toyota", "Supra", _FAST, 1993, 1998, ("Turbo", "RZ"), 84_000, "japan"),
    Model("Nissan", "Skyline GT-R", _COUPE, 1989, 1999, ("V-Spec", "Nür"), 98_000, "japan"),
    Model("Nissan", "Frontier", _TRUCK, 2005, 2023, ("PRO-4X", "SV"), 19_000, "truck modern"),
    Model("Datsun", "240Z", _FAST, 1970, 1973, ("Series I",), 43_000, "japan classic"),
    Model("Honda", "NSX", _FAST, 1991, 2005, ("T", "Zanardi"), 112_000, "japan exotic"),
    Model("Honda", "S2000", _ROADSTER, 2000, 2009, ("CR", "AP1"), 36_000, "japan roadster"),
    Model("Honda", "Accord", _SEDAN, 1998, 2022, ("EX-L", "Touring"), 11_900, "modern japan"),
    Model("Subaru", "Outback", _WAGON, 2000, 2022, ("2.5i", "3.6R"), 14_900, "modern japan"),
    Model("Lexus", "LX 470", _SUV, 1998, 2007, ("Night View",), 23_500, "truck modern"),
    Model("Lexus", "GX 460", _SUV, 2010, 2022, ("Premium",), 37_000, "truck modern"),
)

PAINTS: tuple[Colour, ...] = (
    (176, 28, 34),  # guards red
    (24, 62, 122),  # oxford blue
    (30, 82, 58),  # racing green
    (236, 233, 222),  # ivory
    (196, 200, 205),  # silver
    (58, 62, 69),  # slate
    (226, 168, 32),  # signal yellow
    (206, 92, 30),  # burnt orange
    (108, 170, 196),  # riviera blue
    (116, 34, 54),  # burgundy
    (150, 136, 106),  # champagne
    (92, 104, 62),  # olive
)

TRIMS: tuple[Colour, ...] = (
    (142, 92, 54),  # saddle
    (52, 52, 56),  # black
    (186, 168, 138),  # parchment
    (122, 40, 40),  # oxblood
    (84, 92, 104),  # graphite
)
