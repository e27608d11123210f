"""A project folder: params.yaml and dvc.yaml, and what a build makes beside them.

source, keys        the user's: clips, annotations, and the key of published ids
work/STAGE/         shards of a stage, kept from run to run; they show people and stay private
data/STAGE.parquet  what became of each clip in a stage: small, and what DVC tracks
release/NAME/       a finished release
validation/reviews  what people decided of clips, by release and version
validation/takedowns.csv  clips that are in nothing any more, by keyed digests
dataset_cards       what people have written about releases
"""

from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import ConfigError
from toolkit.params import PARAMS, Params, Release, read_params


@dataclass(frozen=True)
class Project:
    """Where things are; ``params`` are those of its params.yaml."""

    root: Path
    params: Params

    @classmethod
    def open(cls, root: Path) -> "Project":
        """Read the project in ``root``.

        Raises:
            ConfigError: there is no params.yaml, or a value in it breaks its rule.
        """
        return cls(root, read_params(root / PARAMS))

    @property
    def source(self) -> Path:
        """The folder of clips, or of tars of them."""
        return self.root / self.params.source.path

    @property
    def annotations(self) -> list[Path]:
        """The tables of annotations, sorted; none where each file LABEL/CLIP is a clip.

        Raises:
            ConfigError: the folder of annotations holds none.
        """
        if self.params.source.annotations is None:
            return []
        folder = self.source / self.params.source.annotations
        if not (tables := sorted(folder.glob("*.csv"))):
            raise ConfigError(
                f"source.annotations: {folder} holds no .csv: put tables as Kinetics has them "
                "there, or set it to null"
            )
        return tables

    @property
    def key_file(self) -> Path:
        """The key of the published ids."""
        return self.root / self.params.ids.key_file

    @property
    def sources_table(self) -> Path:
        """What stage ingest found (``toolkit.kinetics.table``)."""
        return self.root / "data" / "ingest.parquet"

    @property
    def versions(self) -> Path:
        """What stage versions noted."""
        return self.root / "data" / "versions.json"

    @property
    def evidence(self) -> Path:
        """What stage versions noted of all that tells how strong the checks are."""
        return self.root / "data" / "evidence.json"

    @property
    def reviews(self) -> Path:
        """What people decided of clips (``toolkit.review.verdicts``)."""
        return self.root / "validation" / "reviews"

    @property
    def takedowns(self) -> Path:
        """Which clips are in nothing any more (``toolkit.release.takedown_list``)."""
        return self.root / "validation" / "takedowns.csv"

    @property
    def cards(self) -> Path:
        """What people have written about the releases (``toolkit.release.facts``)."""
        return self.root / "dataset_cards"

    @property
    def classes(self) -> Path:
        """What stage select_classes chose."""
        return self.root / "data" / "classes.json"

    @property
    def class_metrics(self) -> Path:
        """How biased the chosen classes are, for ``dvc metrics``."""
        return self.root / "data" / "knexus.json"

    @property
    def class_map(self) -> Path:
        """Where each class lies, chosen or not, for ``dvc plots``."""
        return self.root / "data" / "knexus.csv"

    def table(self, stage: str) -> Path:
        """Where a stage says what became of each clip."""
        return self.root / "data" / f"{stage}.parquet"

    def work(self, stage: str) -> Path:
        """Where a stage keeps its shards."""
        return self.root / "work" / stage

    def release(self, name: str) -> Path:
        """Where a finished release is."""
        return self.root / "release" / name

    def find_release(self, name: str) -> Release:
        """Return what is to be in a release.

        Raises:
            ConfigError: params.yaml names no such release.
        """
        if name not in self.params.releases:
            known = ", ".join(self.params.releases)
            raise ConfigError(f"releases: there is no '{name}': choose one of {known}")
        return self.params.releases[name]
