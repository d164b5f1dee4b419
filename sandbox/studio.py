"""The demo company: who works there, for whom, on what, and for how much. Every name, address and number is invented."""

from __future__ import annotations

from dataclasses import dataclass

PASSWORD = "oude hollandse waterlinie"
ADMINISTRATOR = "ans@waterlinie.example"

COMPANY = {
    "name": "Waterlinie Studio",
    "address": "Bastionkade 12",
    "postal_code": "3599 WS",
    "city": "Utrecht",
    "country": "NL",
    "vat_number": "NL100012358B01",
    "coc_number": "69000001",
    "iban": "NL02ABNA0123456789",
    "email": "studio@waterlinie.example",
    "km_rate_e4": 3500,
    "approve_hours": True,
    "is_demo": True,
}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the studio. `hourly_rate` in euros, None when nobody agreed one; `days` are weekdays, Monday is 0."""

    key: str
    name: str
    role: str
    hourly_rate: int | None
    days: tuple[int, ...] = (0, 1, 2, 3, 4)
    drives: str = ""

    @property
    def email(self) -> str:
        return f"{self.key}@waterlinie.example"


PEOPLE = (
    Person("ans", "Ans de Wit", "administrator", 105),
    Person("bram", "Bram Janssens", "project_manager", 98, drives="Volkswagen ID.3"),
    Person("sofie", "Sofie Peeters", "team_manager", 95, days=(0, 1, 3, 4), drives="Bestelbus"),
    Person("joris", "Joris van Dam", "user", 92, drives="Eigen auto Joris"),
    Person("yasmin", "Yasmin Bouzid", "user", None, days=(0, 1, 2, 3)),
)


@dataclass(frozen=True, slots=True)
class Work:
    """An activity: hourly rate in euros, product in WeFact where it has one of its own, and what people write beside their hours."""

    name: str
    rate: int | None
    notes: tuple[str, ...]
    product: str = ""
    billable: bool = True
    for_all: bool = True


ACTIVITIES = (
    Work(
        "Ontwerp",
        105,
        (
            "Homepage, tweede ronde",
            "Iconen voor de diensten",
            "Schetsen, drie richtingen",
            "Productpagina op de telefoon",
            "Legenda en kleurcode",
            "Kleurproef besproken en aangepast",
            "Formulier in kleinere stappen",
        ),
        "P0101",
    ),
    Work(
        "Ontwikkeling",
        110,
        (
            "Offerteformulier met bestanden",
            "Zoeken en filteren",
            "Inloggen voor klanten",
            "Import van levertijden",
            "Kaartlaag met bomen",
            "Export voor de chauffeurs",
            "Foutmeldingen nagelopen",
            "Snelheid op de telefoon",
        ),
        "P0102",
    ),
    Work(
        "Overleg",
        95,
        ("Voortgang doorgenomen", "Planning met de klant", "Vragen uit de test besproken", "Wensen voor de volgende stap"),
    ),
    Work("Support", 85, ("Certificaat vernieuwd", "Vraag over het contactformulier", "Back-up teruggezet", "Updates doorgevoerd")),
    Work("Workshop", 118, ("Met het wijkteam", "Inhoud en volgorde bepaald", "Klantreis op de muur")),
    Work("Projectleiding", 98, ("Planning bijgewerkt", "Afspraken vastgelegd", "Oplevering voorbereid")),
    Work("Redactie", 90, ("Teksten van de dienstenpagina's", "Nieuwsbericht geschreven", "Vertaling nagekeken")),
    Work("Intern overleg", None, ("Weekstart", "Terugblik op de sprint"), billable=False, for_all=False),
    Work("Acquisitie", None, ("Offerte geschreven", "Kennismaking"), billable=False, for_all=False),
    Work("Opleiding", None, ("Cursus toegankelijkheid", "Vakblad bijgelezen"), billable=False, for_all=False),
)


@dataclass(frozen=True, slots=True)
class Job:
    """A project. Rates in euros; `activities` and `members` may carry a rate of their own: "Ontwerp:112"."""

    customer: str
    name: str
    code: str
    method: str
    activities: tuple[str, ...]
    members: tuple[str, ...]
    rate: float | None = None
    reference: str = ""
    colour: str = "#2f7d5f"


INTERNAL = "Waterlinie Studio (intern)"
DE_VRIES = "DB10007"
SAIL_MAKER = "Zeilmakerij Blauwe Wimpel"
MILL = "DB10050"

PROJECTS = (
    Job(DE_VRIES, "Onderhoud website", "VRIES-1", "user", ("Support", "Ontwikkeling"), ("bram", "joris")),
    Job(DE_VRIES, "Nieuwbouw Zanddorp", "VRIES-2", "project", ("Ontwerp", "Overleg"), ("ans", "sofie"), 85, colour="#c08a2e"),
    Job(
        "DB10012", "Website", "JANSEN-1", "activity", ("Ontwerp:112", "Ontwikkeling", "Overleg"), ("ans", "bram", "joris"), colour="#b2543f"
    ),
    Job("DB10012", "Offertetool", "JANSEN-2", "project", ("Ontwikkeling", "Projectleiding"), ("bram", "yasmin"), 97.50, colour="#7a5ea8"),
    Job("DB10012", "Beheer", "JANSEN-3", "customer", ("Support",), ("joris",), colour="#4b83a8"),
    Job(
        "DB10018",
        "Ritplanner",
        "MOL-1",
        "project",
        ("Ontwikkeling", "Ontwerp", "Overleg"),
        ("joris", "sofie", "yasmin"),
        98,
        colour="#4b83a8",
    ),
    Job("DB10018", "Chauffeursapp", "MOL-2", "user", ("Ontwerp", "Ontwikkeling"), ("ans:112", "bram")),
    Job("DB10021", "Huisstijl", "LOON-1", "project", ("Ontwerp", "Redactie"), ("sofie",), 88, colour="#c08a2e"),
    Job("DB10027", "Etiketten", "GANS-1", "activity", ("Ontwerp", "Overleg"), ("sofie", "ans"), colour="#b2543f"),
    Job("DB10027", "Webshop", "GANS-2", "project", ("Ontwikkeling", "Ontwerp", "Support"), ("yasmin", "joris"), 92),
    Job("DB10029", "Afsprakenmodule", "BERG-1", "customer", ("Ontwikkeling", "Support"), ("joris", "yasmin"), colour="#4b83a8"),
    Job(
        "DB10031",
        "Wijkkaart",
        "HOUTEN-1",
        "project",
        ("Ontwikkeling", "Ontwerp", "Workshop"),
        ("bram", "sofie"),
        110,
        "Inkooporder 4500182",
    ),
    Job("DB10031", "Toegankelijkheid", "HOUTEN-2", "user", ("Workshop", "Redactie"), ("ans",), reference="Inkooporder 4500199"),
    Job("DB10033", "Kennisbank", "WATERWEG-1", "user", ("Ontwikkeling", "Redactie"), ("bram", "joris"), colour="#7a5ea8"),
    Job("DB10035", "Webshop fase 2", "PEETERS-1", "activity", ("Ontwikkeling", "Ontwerp"), ("joris", "ans"), colour="#b2543f"),
    Job("DB10040", "Tentoonstelling", "KUNST-1", "project", ("Ontwerp", "Redactie", "Overleg"), ("ans", "sofie"), 90, colour="#c08a2e"),
    Job("DB10040", "Vriendenavond", "KUNST-2", "none", ("Ontwerp",), ("sofie",)),
    Job("DB10041", "Portfolio", "DALEN-1", "activity", ("Ontwerp", "Ontwikkeling:95"), ("ans", "yasmin")),
    Job("DB10044", "Vaarschema", "ZILVER-1", "customer", ("Ontwikkeling", "Overleg"), ("bram",), colour="#4b83a8"),
    Job(SAIL_MAKER, "Bestelportaal", "WIMPEL-1", "project", ("Ontwikkeling", "Ontwerp"), ("bram", "yasmin"), 94, colour="#7a5ea8"),
    Job(SAIL_MAKER, "Zeilkeuze", "WIMPEL-2", "user", ("Ontwikkeling",), ("yasmin", "joris")),
    Job(MILL, "Donateurs", "MOLENRAD-1", "customer", ("Ontwerp", "Redactie"), ("sofie", "ans")),
    Job(INTERNAL, "Intern", "INTERN", "none", ("Intern overleg", "Acquisitie", "Opleiding"), (), colour="#7d8781"),
)

CUSTOMER_RATES = {"DB10012": 82.50, "DB10029": 90, "DB10044": 96, MILL: 80}
"""Hourly rates that customers agreed on, in euros."""

NEW_CUSTOMERS = (
    {
        "name": SAIL_MAKER,
        "contact_first_name": "Hidde",
        "contact_last_name": "Kramer",
        "address": "Werf 3",
        "postal_code": "8599 ZB",
        "city": "Zeilburen",
        "email": "werf@blauwewimpel.example",
    },
    {
        "name": "Stichting Molenrad",
        "number": MILL,
        "contact_first_name": "Greet",
        "contact_last_name": "Mulder",
        "address": "Molendijk 41",
        "postal_code": "2999 MR",
        "city": "Waterdorp",
        "email": "bestuur@molenrad.example",
        "coc_number": "69001050",
    },
    {"name": INTERNAL, "address": "Bastionkade 12", "postal_code": "3599 WS", "city": "Utrecht", "email": "studio@waterlinie.example"},
)
"""Customers that WeFact does not know: one without a number, one with, and the studio itself."""

CITIES = {
    DE_VRIES: ("Zanddorp", 312),
    "DB10012": ("Voorbeeldstad", 118),
    "DB10018": ("Kadeveen", 446),
    "DB10021": ("Roggebeek", 287),
    "DB10031": ("Houten", 123),
    "DB10040": ("Amersfoort", 238),
    SAIL_MAKER: ("Zeilburen", 1275),
}
"""Where people drive to, and how far that is one way in tenths of a kilometre."""

VEHICLES = (("Volkswagen ID.3", "WS-18-15", "company"), ("Bestelbus", "WS-18-40", "company"), ("Eigen auto Joris", "JD-00-92", "private"))


@dataclass(frozen=True, slots=True)
class Category:
    """A kind of expense: purchase VAT in basis points, mark-up in basis points, product in WeFact, what is bought for how many cents."""

    name: str
    purchase_vat_bp: int | None
    product: str
    bought: tuple[tuple[str, int], ...]
    treatment: str = "recharge"
    markup_bp: int = 0
    unit: str = ""
    unit_price_cents: int | None = None
    has_receipt: bool = True


CATEGORIES = (
    Category(
        "Drukwerk",
        2100,
        "P0300",
        (("Proefdruk etiketten", 14_250), ("Posters A2, 50 stuks", 18_800), ("Visitekaarten", 6_495)),
        markup_bp=500,
    ),
    Category("Boeken", 900, "P0310", (("Handboek kaartontwerp", 4_950), ("Typografie in het wild", 3_495))),
    Category("Parkeren", 2100, "", (("Parkeren bij de klant", 850), ("Parkeergarage centrum", 1_375)), has_receipt=False),
    Category("Reiskosten", 900, "P0320", (("Trein Utrecht heen en terug", 2_480), ("Trein eerste klas, overleg onderweg", 4_120))),
    Category("Beeldrechten", 2100, "P0320", (("Stockfoto's voor de homepage", 9_900), ("Lettertypelicentie", 12_000))),
    Category("Leges", None, "P0400", (("Leges vergunning", 6_640),), treatment="pass_through"),
    Category("Kopieën", 2100, "", (("Kopieën voor de workshop", 12),), unit="stuk", unit_price_cents=12, has_receipt=False),
)

# What happened to last month: who was invoiced, and how that went.
SENT = ("DB10012", "DB10018", "DB10031", "DB10033")
LEFT_AS_DRAFT = ("DB10021", "DB10027", "DB10040", "DB10041")
REFUSED = "DB10029"
REFUSAL = "De debiteur Tandartspraktijk Van den Berg is geblokkeerd voor facturatie"
VAT_DIFFERS = "DB10044"
"""WeFact reverses the VAT of this customer by itself, which nobody told Uurwerk: the totals differ and a person must look."""

PAID = "DB10012"
BELGIAN = ("DB10033", "DB10035")
