"""What every settings class shares: closed maps, strict types, numbers as people write them, and mistakes.

A settings class declares what one thing may be asked for: each field with its description, unit, limits and default.
Checks that need several fields of one thing are validators of its class and raise `mistake`; checks that need several
things are in `consistency.py`. The classes are light to import, since every start of Snakemake reads them.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, ValidationInfo
from pydantic_core import PydanticCustomError

from kindred.config.messages import shown, suggestion

NAME = r"^[A-Za-z0-9][A-Za-z0-9._+-]*$"  # of a model, an attack and the like: files are named after it


class Settings(BaseModel):
    """A map whose keys are the fields of its class, and no others; `title`, given to the class, is for messages."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def mistake(text: str, *keys: str | int) -> PydanticCustomError:
    """An error about the value at `keys` below where it is raised, which goes on `text`: 'but must be ...'."""
    return PydanticCustomError("mistake", "{text}", {"text": text, "keys": keys})


def allowed(text: str, **more: Any) -> Any:
    """A field's note of what may stand there, for messages, where type and limits do not say it well."""
    return Field(json_schema_extra={"allowed": text}, **more)


def unit(text: str, **more: Any) -> Any:
    """A field's limits and the unit of its numbers."""
    return Field(json_schema_extra={"unit": text}, **more)


def _number(value: Any) -> Any:
    """A fraction such as 8/255, or a number that YAML takes for text such as 1e-3, as the nearest float."""
    if isinstance(value, str):
        above, slash, below = value.partition("/")
        try:
            return float(above) / float(below) if slash else float(above)
        except (ValueError, ZeroDivisionError):
            return value
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _each_once(values: list[Any]) -> list[Any]:
    for place, value in enumerate(values):
        if value in values[:place]:
            raise PydanticCustomError("twice", "{value}", {"value": value})
    return values


def known_name(name: str, kind: str, info: ValidationInfo) -> str:
    """The name of a model, an attack or the like, which must be in `context[kind]` where the validation has that."""
    names = (info.context or {}).get(kind)
    if names is not None and name not in names:
        text = f"names {shown(name)}, which is not {kind}{suggestion(name, names)}"
        raise PydanticCustomError("unknown", "{text}", {"text": text, "keys": ()})
    return name


def _name_of(kind: str) -> AfterValidator:
    return AfterValidator(lambda name, info: known_name(name, kind, info))


Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Whole = Annotated[int, BeforeValidator(_whole)]
Seed = Annotated[Whole, Field(ge=0, le=2**32 - 1)]
Share = Annotated[Number, Field(ge=0, le=1)]
Part = Annotated[Number, Field(gt=0, le=1)]
Count = Annotated[Whole, Field(ge=1)]
Images = Annotated[Whole, unit("images", ge=4)]  # how many of the evaluation images take part
Eps = Annotated[Number, unit("pixels in [0, 1]", ge=0)]
Side = Annotated[Whole, unit("pixels a side", ge=8, le=1024)]
Mean = Annotated[
    list[Annotated[Number, unit("pixels in [0, 1]", ge=0, le=1)]],
    allowed("a list of one number per channel", min_length=1),
]
Std = Annotated[
    list[Annotated[Number, unit("pixels in [0, 1]", gt=0, le=1)]],
    allowed("a list of one number per channel", min_length=1),
]
Folder = Annotated[str, allowed("the path of a folder", min_length=1)]
File = Annotated[str, allowed("the path of a file", min_length=1)]
TrainingName = Annotated[str, _name_of("a training"), allowed("the name of a training")]
ModelName = Annotated[str, _name_of("a model"), allowed("the name of a model")]
AttackName = Annotated[str, _name_of("an attack"), allowed("the name of an attack")]
InversionName = Annotated[str, _name_of("an inversion"), allowed("the name of an inversion")]
Precision = Literal["float32", "bfloat16"]
# Decides between the members of a union that are tagged <one>, a word, and <list>.
WORD_OR_LIST = Discriminator(lambda value: "<list>" if isinstance(value, list) else "<one>")
EachOnce = AfterValidator(_each_once)
ModelNames = Annotated[list[ModelName], EachOnce, allowed("a list of at least one model", min_length=1)]
AttackNames = Annotated[list[AttackName], EachOnce, allowed("a list of at least one attack", min_length=1)]
Pair = Annotated[list[ModelName], allowed("a pair of models such as [a, b]", min_length=2, max_length=2)]
Pairs = Annotated[list[Pair], allowed("a list of pairs of models")]
LayerList = Annotated[
    list[Annotated[str, allowed("penultimate, blocks, all or the name of a layer", min_length=1)]],
    EachOnce,
    allowed("a list of at least one of penultimate, blocks, all and layer names", min_length=1),
]
Layers = Annotated[
    Annotated[
        Literal["penultimate", "blocks", "all"],
        allowed("penultimate, blocks, all, or a list of these and layer names"),
        Tag("<one>"),
    ]
    | Annotated[LayerList, Tag("<list>")],
    WORD_OR_LIST,
]
