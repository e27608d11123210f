"""params.yaml: what a project builds, and how; this module is its only reader.

Every value is checked when it is read. What decides a result goes into the ``config_hash`` of the
stages that use it; how the work is done (``run``) does not.
"""

from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from toolkit.errors import ConfigError
from toolkit.files import write_output

PARAMS = "params.yaml"


def _check_local(path: PurePosixPath) -> PurePosixPath:
    if path.is_absolute() or ".." in path.parts:
        raise ValueError("must lie inside the project folder: copy or link it there")
    return path


def _check_even(side: int) -> int:
    if side % 2:
        raise ValueError("must be even, because H.264 stores colour at half size")
    return side


LocalPath = Annotated[PurePosixPath, AfterValidator(_check_local)]
Side = Annotated[int, Field(ge=32, le=4096), AfterValidator(_check_even)]
VersionNumber = Annotated[str, Field(pattern=r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$")]
SourceName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
ReleaseName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]


class _Values(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Values):
    """Where the clips come from.

    Attributes:
        path: a folder of clips or of tars; not a place outside the project.
        annotations: a folder in it, of tables as Kinetics has them (CSV); None: every file
            LABEL/CLIP is a clip.
        name: whose clips they are, by a file of ``dataset_cards/sources``; a release without it is
            not described.
    """

    path: LocalPath
    annotations: LocalPath | None = None
    name: SourceName | None = None


class Classes(_Values):
    """Which classes are kept, and how they are chosen.

    Attributes:
        method: "all"; "list": those that ``file`` names; or one of ``toolkit.knexus.select``.
        k: how many a method chooses.
        seed: of all that is left to chance: frames, videos, starts.
        file: a list of classes (``toolkit.knexus.lists``), inside the project.
        encoder: what turns a frame into numbers: efficientnet-lite0, llava, or any name of timm.
        frame: which one of a video: "random", or "least-change".
        max_videos: of a class that are embedded at most, drawn by lot.
    """

    method: Literal["all", "list", "random", "kmeans", "knexus", "knexus-b1", "resound-greedy"]
    k: Annotated[int, Field(ge=1)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    file: LocalPath | None = None
    encoder: str = "efficientnet-lite0"
    frame: Literal["random", "least-change"] = "random"
    max_videos: Annotated[int, Field(ge=2)] = 1000

    @model_validator(mode="after")
    def _check_what_the_method_needs(self) -> "Classes":
        if (self.method == "list") != (self.file is not None):
            raise ValueError("method list goes with file, and no other method does")
        if (self.method in {"all", "list"}) != (self.k is None):
            raise ValueError("k goes with every method but all and list")
        return self

    @property
    def needs_embeddings(self) -> bool:
        """Whether the method looks at videos at all."""
        return self.method not in {"all", "list", "random"}


class Standardize(_Values):
    """Size (px) that clips are stretched to (the paper: 432x240)."""

    width: Side
    height: Side


class Release(_Values):
    """A variant of the data (the paper's Tables 2 to 4).

    Attributes:
        scene: what is behind the bodies: "empty" (people removed) or "source" (as filmed).
        body: the body backend; None: nobody is drawn.
        pixels: whether clips are packed at all. A release whose scene is the source shows the
            people filmed: it is a list of clips unless this is asked for.
        version: X.Y.Z, which the release says of itself (``toolkit.versions``).
    """

    scene: Literal["empty", "source"]
    body: str | None
    pixels: bool
    version: VersionNumber = "1.0.0"

    @property
    def shows_people(self) -> bool:
        """Whether the people filmed are in the picture."""
        return self.scene == "source"


class Ids(_Values):
    """Published ids: a keyed hash of the clip's id, with the key in ``key_file``."""

    key_file: LocalPath


class Run(_Values):
    """How the work is done: nothing here changes a result.

    Attributes:
        workers: processes; None: one for each core.
        max_failed_fraction: of the clips that a stage works on; more stops the build.
    """

    workers: Annotated[int, Field(ge=1, le=1024)] | None
    max_failed_fraction: Annotated[float, Field(ge=0, le=1)]


class Params(_Values):
    """All of params.yaml.

    Attributes:
        profile: the backends that do the work (``toolkit.config``).
        clips_per_shard: about so many; a split's number of shards is a power of two.
        releases: name to what is in it.
        failing_clips: what becomes of clips that fail a check: "quarantine" leaves them out,
            "stop" stops the build and names them.
    """

    source: Source
    classes: Classes
    standardize: Standardize
    profile: str
    clips_per_shard: Annotated[int, Field(ge=1, le=100_000)]
    releases: dict[ReleaseName, Release]
    failing_clips: Literal["stop", "quarantine"]
    ids: Ids
    run: Run


def read_params(path: Path) -> Params:
    """Read params.yaml.

    Raises:
        ConfigError: it cannot be read, or a value breaks its rule; one line names them all.
    """
    try:
        values = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}): run this in a project folder"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path}: is no YAML ({reason}): correct it") from error
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        faults = (
            f"{'.'.join(map(str, fault['loc'])) or 'the whole'}: {fault['msg']}, "
            f"got {fault['input']!r:.60}"
            for fault in error.errors()
        )
        raise ConfigError(f"{path}: {'; '.join(faults)}: correct it") from error


def set_version(path: Path, release: str, version: str) -> None:
    """Give a release another version in params.yaml; all else in the file stays as it is.

    Args:
        path: of params.yaml.
        release: its name there.
        version: X.Y.Z.

    Raises:
        ConfigError: the file is written in a way that this cannot do; it stays as it was.
    """
    before = read_params(path)
    text = path.read_bytes().decode()
    whole = yaml.compose(text, yaml.SafeLoader)
    values = _find_value(_find_value(whole, "releases"), release)
    node = _find_value(values, "version")
    if node is not None:
        start, end, written = node.start_mark.index, node.end_mark.index, version
    else:
        first = values.value[0][0].start_mark
        start = end = first.index
        written = f"version: {version}" + (", " if values.flow_style else f"\n{' ' * first.column}")
    with write_output(path) as partial:
        partial.write_bytes((text[:start] + written + text[end:]).encode())
        changed = before.releases[release].model_copy(update={"version": version})
        if read_params(partial).releases != {**before.releases, release: changed}:
            raise ConfigError(
                f"{path}: releases.{release}.version cannot be set alone: set it to {version}"
            )


def _find_value(node: Any, key: str) -> Any:  # noqa: ANN401 - yaml has no types
    """Return the value of a key of a mapping as it stands in the text; None where it has none."""
    return next((value for name, value in node.value if name.value == key), None)
