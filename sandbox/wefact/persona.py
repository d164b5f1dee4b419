"""What sets WeFact and HostFact apart, in one table (contract wefact 15)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Persona:
    """One of the two products; every difference between them is asked from here."""

    name: str
    title: str
    wrong_key: str
    first_debtor_number: int
    sexes: tuple[str, ...]
    start_field: str
    end_field: str

    @property
    def is_wefact(self) -> bool:
        return self.name == "wefact"

    def path(self, prefix: str) -> str:
        """The one path that answers; only HostFact has an installation folder (contract wefact 1)."""
        return "/v2/" if self.is_wefact else f"{prefix.rstrip('/')}/apiv2/api.php"

    def not_found(self, thing: str, key: str) -> str:
        """The sentence for a key that leads nowhere (contract wefact 14)."""
        if self.is_wefact:
            return f"{thing.capitalize()} {key} niet gevonden"
        return f"Ongeldig kenmerk voor {thing}"


WEFACT = Persona(
    name="wefact",
    title="WeFact",
    wrong_key="De API sleutel kan niet worden gevonden.",
    first_debtor_number=10000,
    sexes=("m", "f", "d", "fam", "u"),
    start_field="StartDate",
    end_field="EndDate",
)
HOSTFACT = Persona(
    name="hostfact",
    title="HostFact",
    wrong_key="API key is invalid",
    first_debtor_number=10001,
    sexes=("m", "f", "d", "u"),
    start_field="StartPeriod",
    end_field="EndPeriod",
)
PERSONAS = {persona.name: persona for persona in (WEFACT, HOSTFACT)}
