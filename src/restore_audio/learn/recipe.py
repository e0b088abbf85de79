"""Which openly licensed recordings Debian's archive (and one Python package) carry, and how to take them.

Each :class:`Package` names its place in the split (a package is wholly for training or wholly for
validation: one composer and one sample library fill a package, so a split by track would leak) and lists
:class:`Pick` patterns, the first that matches a file wins. Genres are FMA's sixteen, given by title, tags and
judgement: take them as rough. Licences are read from the package's machine-readable copyright file where
there is one; ``licence`` here is for the packages whose copyright file is prose.

>>> package("nexuiz-music").picks[0].pattern
'usr/share/games/nexuiz/data/music.pk3!sound/cdtracks/*.ogg'
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Part = Literal["train", "validation"]
How = Literal["copy", "join", "loop", "mix", "leave"]

GENRES = (
    "Blues",
    "Classical",
    "Country",
    "Easy Listening",
    "Electronic",
    "Experimental",
    "Folk",
    "Hip-Hop",
    "Instrumental",
    "International",
    "Jazz",
    "Old-Time / Historic",
    "Pop",
    "Rock",
    "Soul-RnB",
    "Spoken",
)
"""FMA's top-level genres."""


@dataclass(frozen=True)
class Pick:
    """Files of one package that are taken in one way.

    Attributes:
        pattern: glob below the unpacked package (``*`` crosses folders); after ``!`` a glob inside the zip
            archive named before it.
        genre: one of :data:`GENRES`.
        how: ``copy`` the file as it is; ``join`` short clips of a folder into files of a few minutes;
            ``loop``: keep one period of an endless loop; ``mix``: sum the stems of a folder; ``leave`` out.
        voice_levels: folders from a clip up to the one that stands for one speaker, for ``join``.
    """

    pattern: str
    genre: str = "Instrumental"
    how: How = "copy"
    voice_levels: int = 1


@dataclass(frozen=True)
class Package:
    """One package: where it belongs, what is taken, and who made it where no tag or copyright file tells."""

    name: str
    part: Part
    picks: tuple[Pick, ...]
    licence: str = ""
    artist: str = ""
    source: Literal["debian", "pypi"] = "debian"
    version: str = ""


def _named(folder: str, genre: str, *names: str) -> tuple[Pick, ...]:
    return tuple(Pick(f"{folder}/{name}", genre) for name in names)


_GAMES = "usr/share/games"
_UFOAI = f"{_GAMES}/ufoai/base/0music.pk3!music"
_HEDGEWARS = f"{_GAMES}/hedgewars/Data"
_DRASCULA = "usr/share/scummvm/drascula/audio"
_SUPERTUX = f"{_GAMES}/supertux2/music"
_NAEV = "usr/share/naev/dat/snd/music"
_GLEST = f"{_GAMES}/megaglest/techs/megapack/factions"
_WIDELANDS = f"{_GAMES}/widelands/data/music"
_WARMUX = f"{_GAMES}/warmux/music"
_LINCITY = f"{_GAMES}/lincity-ng/music/default"
_BLOBWARS = f"{_GAMES}/blobwars/music"
_BLUPI = "usr/share/planetblupi/music"
_FILLETS = f"{_GAMES}/fillets-ng/sound"

PACKAGES: tuple[Package, ...] = (
    Package(
        "wesnoth-1.16-music",
        "train",
        (Pick(f"{_GAMES}/wesnoth/1.16/data/core/music/*.ogg", "Classical"),),
        licence="GPL-2+",
        artist="Battle for Wesnoth contributors",
    ),
    Package(
        "warzone2100-music",
        "train",
        (
            Pick(f"{_GAMES}/warzone2100/music/albums/aftermath_soundtrack/track3_enhanced.opus", how="leave"),
            Pick(f"{_GAMES}/warzone2100/music/albums/aftermath_soundtrack/menu_enhanced.opus", how="leave"),
            Pick(f"{_GAMES}/warzone2100/music/albums/original_soundtrack/*.opus", "Electronic"),
            Pick(f"{_GAMES}/warzone2100/music/albums/legacy_soundtrack/*.opus", "Electronic"),
            Pick(f"{_GAMES}/warzone2100/music/albums/aftermath_soundtrack/*.opus", "Experimental"),
            Pick(f"{_GAMES}/warzone2100/music/menu.opus", "Electronic"),
        ),
    ),
    Package(
        "singularity-music",
        "train",
        (Pick(f"{_GAMES}/singularity/music/*.ogg", "Electronic"),),
        licence="CC-BY-SA-3.0",
        artist="Max McCracken",
    ),
    Package(
        "ufoai-music",
        "train",
        (
            Pick(f"{_UFOAI}/Psymong*.ogg", "Experimental"),
            Pick(f"{_UFOAI}/AlexFightmare.ogg", "Rock"),
            Pick(f"{_UFOAI}/Marine*.ogg", "Rock"),
            Pick(f"{_UFOAI}/van_*.ogg", "Instrumental"),
            Pick(f"{_UFOAI}/*.ogg", "Electronic"),
        ),
    ),
    Package(
        "nexuiz-music",
        "train",
        (Pick(f"{_GAMES}/nexuiz/data/music.pk3!sound/cdtracks/*.ogg", "Electronic"),),
        licence="GPL-2+",
        artist="Alientrap",
    ),
    Package(
        "planetblupi-music-ogg",
        "train",
        (
            Pick(f"{_BLUPI}/music00[0-3].ogg", "Pop", "loop"),
            Pick(f"{_BLUPI}/music00[4-6].ogg", "Pop"),
            Pick(f"{_BLUPI}/*.ogg", "Electronic"),
        ),
    ),
    Package(
        "blobwars-data",
        "train",
        (Pick(f"{_BLOBWARS}/*.tags", how="leave"), Pick(f"{_BLOBWARS}/*", "Electronic")),
    ),
    Package(
        "colobot-common-sounds",
        "train",
        (
            Pick(f"{_GAMES}/colobot/music/music0*.ogg", "Electronic"),
            Pick(f"{_GAMES}/colobot/music/*.ogg", "Instrumental"),
        ),
    ),
    Package(
        "supertux-data",
        "train",
        (
            Pick(f"{_SUPERTUX}/antarctic/chipdisko.ogg", "Electronic"),
            Pick(f"{_SUPERTUX}/antarctic/bossattack.ogg", "Rock"),
            Pick(f"{_SUPERTUX}/forest/treeboss.ogg", "Rock"),
            Pick(f"{_SUPERTUX}/misc/battle_theme.ogg", "Rock"),
            Pick(f"{_SUPERTUX}/forest/clavelian_march.ogg", "Folk"),
            Pick(f"{_SUPERTUX}/forest/forest*.ogg", "Folk"),
            Pick(f"{_SUPERTUX}/retro/*.ogg", "Electronic"),
            Pick(f"{_SUPERTUX}/*/*.ogg", "Instrumental"),
        ),
    ),
    Package(
        "naev-data",
        "train",
        (
            Pick(f"{_NAEV}/pirates_orchestra.ogg", "Classical"),
            Pick(f"{_NAEV}/ambient*.ogg", "Instrumental"),
            Pick(f"{_NAEV}/empire*.ogg", "Instrumental"),
            Pick(f"{_NAEV}/dvaered*.ogg", "Instrumental"),
            Pick(f"{_NAEV}/peace*.ogg", "Instrumental"),
            Pick(f"{_NAEV}/*.ogg", "Electronic"),
        ),
    ),
    Package(
        "flare-game",
        "train",
        (
            Pick(f"{_GAMES}/flare/mods/fantasycore/music/wind_ambient.ogg", how="leave"),
            Pick(f"{_GAMES}/flare/mods/fantasycore/music/*.ogg", "Instrumental"),
        ),
    ),
    Package(
        "megaglest-data",
        "train",
        (
            Pick(f"{_GLEST}/egypt/music/*.ogg", "International"),
            Pick(f"{_GLEST}/indian/music/*.ogg", "International"),
            Pick(f"{_GLEST}/persian/music/*.ogg", "International"),
            Pick(f"{_GLEST}/norsemen/music/*.ogg", "Folk"),
            Pick(f"{_GLEST}/*/music/*.ogg", "Instrumental"),
            Pick(f"{_GAMES}/megaglest/data/core/menu/music/*.ogg", "Instrumental"),
        ),
    ),
    Package(
        "pushover-data",
        "train",
        (
            Pick("usr/share/pushover/themes/electro.ogg", "Electronic"),
            Pick("usr/share/pushover/themes/japanese.ogg", "International"),
            Pick("usr/share/pushover/themes/*.ogg", "Instrumental"),
        ),
    ),
    Package(
        "openclonk-data",
        "train",
        (
            Pick(f"{_GAMES}/openclonk/Music.ocg/*Cocktail.ogg", "Jazz"),
            Pick(f"{_GAMES}/openclonk/Music.ocg/UrbanBolero.ogg", "International"),
            Pick(f"{_GAMES}/openclonk/Music.ocg/Motorway.ogg", "Rock"),
            Pick(f"{_GAMES}/openclonk/Music.ocg/*.ogg", "Instrumental"),
        ),
        licence="CC-BY-3.0 or CC0-1.0",
        artist="The OpenClonk Team and contributors",
    ),
    Package("starfighter-data", "train", (Pick("usr/share/starfighter/music/*.ogg", "Electronic"),)),
    Package(
        "freecol",
        "train",
        (
            Pick(f"{_GAMES}/freecol/default/resources/music/default/*.ogg", "Classical"),
            Pick(f"{_GAMES}/freecol/base/resources/sound/intro.ogg", "Classical"),
        ),
    ),
    Package("trackballs-data", "train", (Pick(f"{_GAMES}/trackballs/music/*.ogg", "Electronic"),)),
    Package(
        "fretsonfire-songs-muldjord",
        "train",
        (Pick(f"{_GAMES}/fretsonfire/data/songs/muldjord/*/*.ogg", "Rock", "mix"),),
        licence="CC-BY-SA-3.0",
        artist="Muldjord",
    ),
    Package(
        "drascula-music",
        "train",
        (
            *_named(_DRASCULA, "Jazz", "track3.ogg", "track13.ogg", "track22.ogg"),
            *_named(_DRASCULA, "Blues", "track6.ogg", "track15.ogg"),
            *_named(_DRASCULA, "Country", "track9.ogg", "track23.ogg"),
            Pick(f"{_DRASCULA}/*.ogg", "Instrumental"),
        ),
    ),
    Package(
        "hedgewars-data",
        "train",
        (
            *_named(f"{_HEDGEWARS}/Music", "Rock", "Rock.ogg", "hell.ogg", "Desert.ogg", "Freeway.ogg"),
            *_named(f"{_HEDGEWARS}/Music", "Electronic", "City.ogg", "EarthRise.ogg", "Compost.ogg"),
            *_named(f"{_HEDGEWARS}/Music", "International", "oriental.ogg", "Jungle.ogg", "Beach.ogg"),
            *_named(f"{_HEDGEWARS}/Music", "Folk", "Sheep.ogg", "Nature.ogg", "pirate.ogg"),
            *_named(f"{_HEDGEWARS}/Music", "Classical", "Castle.ogg", "main_theme.ogg", "Halloween.ogg"),
            Pick(f"{_HEDGEWARS}/Music/*.ogg", "Instrumental"),
            Pick(f"{_HEDGEWARS}/Sounds/voices/*/*.ogg", "Spoken", "join"),
        ),
    ),
    Package(
        "klettres-data", "train", (Pick("usr/share/klettres/*/*/*.ogg", "Spoken", "join", voice_levels=2),)
    ),
    Package(
        "fillets-ng-data-cs",
        "train",
        (Pick(f"{_FILLETS}/*/cs/*.ogg", "Spoken", "join", voice_levels=3),),
        licence="GPL-2+",
        artist="Fish Fillets voices (Czech)",
    ),
    Package(
        "widelands-data",
        "validation",
        (
            *_named(_WIDELANDS, "Instrumental", "intro.ogg", "menu.ogg"),
            Pick(f"{_WIDELANDS}/ingame_0*.ogg", "Folk"),
            Pick(f"{_WIDELANDS}/*.ogg", "Instrumental"),
        ),
    ),
    Package(
        "marsshooter-data",
        "validation",
        (
            Pick(f"{_GAMES}/marsshooter/audio/music/*.ogg", "Rock"),
            Pick(f"{_GAMES}/marsshooter/audio/*.ogg", "Rock"),
        ),
    ),
    Package(
        "warmux-data",
        "validation",
        (
            Pick(f"{_WARMUX}/menu/Divertissement*.ogg", "Classical"),
            Pick(f"{_WARMUX}/ingame/*Monkey-bubble.ogg", "Jazz"),
            Pick(f"{_WARMUX}/ingame/*Like_a_rock.ogg", "Rock"),
            Pick(f"{_WARMUX}/ingame/exoticux.ogg", "International"),
            Pick(f"{_WARMUX}/*/*.ogg", "Instrumental"),
        ),
        licence="GPL-2+",
        artist="WarMUX contributors",
    ),
    Package(
        "lincity-ng-data",
        "validation",
        (
            Pick(f"{_LINCITY}/*City Blues.ogg", "Blues"),
            Pick(f"{_LINCITY}/*pronobozo*.ogg", "Electronic"),
            Pick(f"{_LINCITY}/*.ogg", "Instrumental"),
        ),
    ),
    Package(
        "fillets-ng-data-nl",
        "validation",
        (Pick(f"{_FILLETS}/*/nl/*.ogg", "Spoken", "join", voice_levels=3),),
        licence="GPL-2+",
        artist="Fish Fillets voices (Dutch)",
    ),
    Package(
        "librosa",
        "validation",
        (Pick("librosa-*/librosa/util/example_data/*Vibe_Ace.ogg", "Jazz"),),
        licence="CC-BY-3.0",
        artist="Kevin MacLeod",
        source="pypi",
        version="0.7.2",
    ),
)


def package(name: str) -> Package:
    """The recipe of one package; :class:`KeyError` when there is none."""
    for entry in PACKAGES:
        if entry.name == name:
            return entry
    raise KeyError(name)


def genre_folder(genre: str) -> str:
    """A genre's name as a folder.

    >>> genre_folder("Old-Time / Historic")
    'Old-Time - Historic'
    """
    return genre.replace("/", "-")
