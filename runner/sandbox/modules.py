"""The CRM's modules and their fields, and which values a field takes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from runner.sandbox.times import seconds

_PICKS = {
    "Lead_Source": ("-None-", "Advertisement", "Cold Call", "Employee Referral", "Web Download", "Trade Show"),
    "Lead_Status": ("-None-", "Attempted to Contact", "Contacted", "Junk Lead", "Not Contacted", "Pre-Qualified"),
    "Stage": ("Qualification", "Needs Analysis", "Value Proposition", "Closed Won", "Closed Lost"),
}
# A picklist takes other values too, as Zoho's does by default; these are what the field's metadata names.
_TYPES: dict[str, type | tuple[type, ...]] = {
    "integer": int, "currency": (int, float), "boolean": bool, "lookup": dict, "ownerlookup": dict,
}  # fmt: skip
_LENGTHS = {"text": 255, "email": 100, "phone": 30, "website": 450, "textarea": 32000, "picklist": 120}
_JSON_TYPES = {
    "integer": "integer",
    "currency": "double",
    "boolean": "boolean",
    "lookup": "jsonobject",
}
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


@dataclass(frozen=True)
class Field:
    """One field; `kind` is Zoho's data_type."""

    name: str
    kind: str
    mandatory: bool = False
    read_only: bool = False

    def mistake(self, value: object) -> dict[str, object] | None:
        """Why the value does not fit, as the `details` of INVALID_DATA have it; None when it does."""
        if value is None and not self.mandatory:
            return None
        expected = _TYPES.get(self.kind, str)
        if not isinstance(value, expected) or (isinstance(value, bool) and self.kind != "boolean"):
            return {"expected_data_type": self.kind}
        if isinstance(value, str):
            if len(value) > _LENGTHS.get(self.kind, 255):
                return {"maximum_length": _LENGTHS.get(self.kind, 255)}
            if not _well_formed(self.kind, value):
                return {"expected_data_type": self.kind}
        return None

    def metadata(self) -> dict[str, object]:
        """The field as GET /settings/fields shows it."""
        return {
            "api_name": self.name,
            "field_label": self.name.replace("_", " "),
            "data_type": self.kind,
            "json_type": _JSON_TYPES.get(self.kind.removeprefix("owner"), "string"),
            "length": _LENGTHS.get(self.kind, 20),
            "system_mandatory": self.mandatory,
            "read_only": self.read_only,
            "pick_list_values": [{"display_value": pick, "actual_value": pick} for pick in _PICKS.get(self.name, ())],
        }


def _well_formed(kind: str, value: str) -> bool:
    if kind == "email":
        return _EMAIL.fullmatch(value) is not None
    if kind == "datetime":
        return seconds(value) is not None
    if kind == "date":
        try:
            return date.fromisoformat(value).isoformat() == value
        except ValueError:
            return False
    return True


@dataclass(frozen=True)
class Module:
    """One module; `name_field` is what names its records, `unique` what upsert compares unless told otherwise."""

    name: str
    singular: str
    fields: dict[str, Field]
    name_field: str
    unique: str

    def metadata(self, number: int) -> dict[str, object]:
        """The module as GET /settings/modules shows it."""
        return {
            "id": str(5550000000000002000 + number),
            "api_name": self.name,
            "module_name": self.name,
            "singular_label": self.singular,
            "plural_label": self.name,
            "generated_type": "default",
            "api_supported": True,
            "creatable": True,
            "editable": True,
            "deletable": True,
            "viewable": True,
        }


def _module(name: str, singular: str, name_field: str, unique: str, kinds: dict[str, str]) -> Module:
    """`kinds`: data type -> field names; `!` behind a name: mandatory in every layout."""
    fields = [Field(n.rstrip("!"), kind, n.endswith("!")) for kind, names in kinds.items() for n in names.split()]
    fields += [Field("Owner", "ownerlookup")]
    fields += [Field(n, "ownerlookup", read_only=True) for n in ("Created_By", "Modified_By")]
    fields += [Field(n, "datetime", read_only=True) for n in ("Created_Time", "Modified_Time")]
    fields += [Field("id", "bigint", read_only=True)]
    return Module(name, singular, {field.name: field for field in fields}, name_field, unique)


_PERSON = "First_Name Last_Name!"
MODULES = {
    module.name: module
    for module in (
        _module(
            "Leads", "Lead", "Last_Name", "Email",
            {"text": f"{_PERSON} Company Designation City Country", "email": "Email", "phone": "Phone Mobile",
             "website": "Website", "picklist": "Lead_Source Lead_Status", "currency": "Annual_Revenue",
             "integer": "No_of_Employees", "boolean": "Email_Opt_Out", "textarea": "Description"},
        ),
        _module(
            "Contacts", "Contact", "Last_Name", "Email",
            {"text": f"{_PERSON} Title Department Mailing_City", "email": "Email", "phone": "Phone Mobile",
             "lookup": "Account_Name", "date": "Date_of_Birth", "picklist": "Lead_Source", "textarea": "Description"},
        ),
        _module(
            "Accounts", "Account", "Account_Name", "Account_Name",
            {"text": "Account_Name! Industry Billing_City", "phone": "Phone", "website": "Website",
             "currency": "Annual_Revenue", "integer": "Employees", "textarea": "Description"},
        ),
        _module(
            "Deals", "Deal", "Deal_Name", "Deal_Name",
            {"text": "Deal_Name! Next_Step", "picklist": "Stage!", "currency": "Amount", "integer": "Probability",
             "date": "Closing_Date", "lookup": "Account_Name Contact_Name", "textarea": "Description"},
        ),
    )
}  # fmt: skip
