"""Local parts of traps and machines; and those of people, in many languages, which are neither."""

import random
import string
from timeit import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.screen.lists.classes import Lists, load_lists
from sidestep.streams.screen.lists.honeypots import Honeypots, honeypots
from sidestep.streams.screen.lists.machine_made import machine_made
from sidestep.streams.screen.lists.shipped import read_table

NAMES = """
jane.doe john.smith jsmith smithj j.smith john_smith1985 johnsmith johnathan.livingston christopherson
elizabeth.featherstonehaugh knightsbridge.tom hirschsprung angstschweiss o'brien mcconnaughey mckenzie-wright
schwarzschild karlheinz.rummenigge hansjuergenschmidt heinrichschultze schtschukin wolfgang.schmidtkunz
matthias.kretschmer gschwandtner pfaffenbichler zschoepe jschwarz fritzsche kirchschlager borchwardt strzelczyk
krzysztof.wisniewski szczepan.brzeczyszczykiewicz wojciechowski.grzegorz chrzaszcz krzyzanowska zdzblo przybylski
mieczyslaw.szczesniak jkwasniewski zbigniew.brzezinski andrzejwlodarczyk dzierzynski szymborska grzeskowiak
vlcek.jiri strc.prst zdenek.hrbek krkonos smrz.petr brnensky.vojtech dvorak.antonin skvorecky vrchlicky hrvoje.grgic
krsticvuk crnjanski.milos srdjan.mrkonjic grgurevic tvrtko.hrvatinic djordje.djukic prpic.ivan nguyen.thi.phuong
nguyenvananh tranthibichngoc phamquynhchi leducanh.1990 truongngochuyen dangxuanphuong vuongquoc zhangxiuying
wangxiaoming zhouxuanxuan xuezhiqiang liqingquan qianxuesen jiangzhongxiang huangzhenxing xuxiaoqian quzhongheng
zhengxinxin caoxueqin qinshihuang yuanlongping1973 tangxianzu chenjingrun wuzetian guoxiangxiang takahashi.kenichi
yamamototsuyoshi shinjirokoizumi watanabe_ryuunosuke nakamurakyoko ryutaro.tsukamoto hyakutake kimjihyun parkhyunwoo
choeunkyung jeonghyeonseok kwonjiyong hwangboksoon leeseunghyun ryuhyunjin gwakdongyeon mohammed.alfarsi
abdulrahmanalqahtani khadijah.benhaddou abdelghafour.mrabet alshrqawy mhmdalsyd qutaybah.haddad
fatemeh.khorramshahri gholamhosseinsaedi farrokhzad.forugh mojtabavaezi vahid.ghasemzadeh shahrbanoo
venkataramanan.subramaniam krishnamurthyswaminathan tiruchirappalli balasubramanyam.spb jyotsnabhattacharya
chakravarthyrajagopalachari gurpreet.sidhu lakshmipathy.v rajeshwaridevi sanghvikrutarth mukhopadhyay.trina
siobhan.oflaherty caoimhe.nicdhonnchadha llewellyn.rhydderch myfanwy.gwyndaf gwenllian.tudur ffionhywel
bjoernstjerne.bjoernson kjeldgaardthorsen gudmundsdottir hrafnhildur.thorvaldsdottir sigurbjorgthorgrimsdottir
vigdisfinnbogadottir ingebrigtsen.jakob sverrekjelstadli lindqvist.gunnar malmqvist.hjordis angstrom.anders
vanderwesthuizen.j jvandenberghe janssens.wkvd schrijvers.mark wvandijk1961 vandenhoogenband.pieter dhondtgeert
jbaptiste.lacroix guillaumedesrochers xavierdupontdeligonnes marieclaudequenneville jean-francois.prudhomme
francoishollande anneclairecoudray thierryhenry14 dominiquestrausskahn bhlevy quatremer.jean guadalupeechevarria
gjergjhoxha gjergjberisha1980 rexhepbajrami nexhatxhaferi shpetimqosja xhavitxhaferi gjystehoxha
joaquinxirgu txominetxeberria iñakiurdangarin itziarituno xabieralonso gorkaotxoa aitorkarranka
francescxavierquetglas jordipujol ferran.adria conceicaomagalhaes joaquimbarbosa guilherme.vasconcellos
luizgonzagabelluzzo thiagoqueiroz xandegodoy rodrigocavalcanti paulohenriquecardoso giuseppe.mastroianni
gianluigibuffon1978 sgarbivittorio pierluigibersani schillaci.toto mariachiaragiannetta dimitriospapadopoulos
konstantinosmitsotakis chrysanthopanagiotou xenophonzolotas psychogiosgiorgos oleksandr.shevchenko
vyacheslavhrytsenko yevhenprykhodko mstislavrostropovich shchukinaanastasia vsevolodmeyerhold krzhizhanovsky
khrushchev.nikita dzhugashvili.joseph mkrtchyan.henrikh hambardzumyanviktor grigoryanmkrtich tshilidzimarwala
nkosazanadlaminizuma mthunzimdwaba thabombeki ngozichukwuokonjoiweala chukwuemekanwankwo oluwaseunadeyemi
kwamenkrumah mwanajumandungu nyongolupita rakotomalalahery andrianampoinimerina mehmetcengizyildirim gokhanozturkmen
yilmazguneyhan kilicdaroglu.kemal kekuhaupio kealiiwahamana tuilaepasailele whakaatamihi bin.mohd.najib a1b2 1234567
13800138000 8613812345678 jd77 mrx qq123456789 sales4you anna2004 max.mustermann1990 schmidt24 007bond
"""
PEOPLE = NAMES.split()

MACHINES = [
    "x7k2q9zt4mwp",
    "a8f3k29dj3kq7",
    "b7x9q2m4v1z8",
    "qzxvbnmkjhgf",
    "xkjqzwvbtrnmhd",
    "zxqwvkjpfgtr",
    "5d41402abc4b2a76b9719d911017c592",
    "d41d8cd98f00b204",
    "550e8400-e29b-41d4-a716-446655440000",
    "550E8400-E29B-41D4-A716-446655440000",
    "aGVsbG8gd29ybGQhIQ",
    "7xQ2mZk9LpRt3WvB",
    "bounce-9f86d081884c7d659a2f",
    "12345678901234567890",
    "jqxzvkwpbgfh",
    "u.x7k2q9zt4mwp",
    "qwrtpsdfghjklzxcvbnm",
]

TRAPS = [
    "spamtrap", "spam-trap", "SPAM.TRAP", "spamtrap1", "spam_trap_2024", "spamtrap+x", "honeypot", "honey-pot",
    "honeypot7",
    "abuse-trap", "abusetrap", "nospam", "no-spam", "jane.nospam", "nospam.jane", "my-spamtrap-x", "donotspam",
    "do-not-spam", "jane-removethis", "tarpit", "blackhole", "trap", "trap01", "uce-trap", "no-such-user",
]  # fmt: skip

NO_TRAPS = ["georg.trapp", "trapp", "jane", "honey", "honeywell", "spamalot", "traptown", "jane+spamtrap", "hospam", ""]


@pytest.fixture(scope="module")
def lists() -> Lists:
    """The lists that ship."""
    return load_lists()


def test_people_are_people(lists: Lists) -> None:
    """Two hundred names from all over the world, as people write them: none is a machine's and none a trap's."""
    assert len(set(PEOPLE)) >= 200
    assert [name for name in PEOPLE if lists.local_classes(name)] == []


@pytest.mark.parametrize("local", ["s.ales", "p.ress", "t.rap", "h.r", "d.ecoy"])
def test_an_initial_and_a_name_are_a_person(lists: Lists, local: str) -> None:
    """Mr Ales is not the sales department; info.desk and no.reply are joined all the same."""
    assert () == lists.local_classes(local)
    assert ("role",) == lists.local_classes("no.reply") == lists.local_classes("hr")


@pytest.mark.parametrize("local", MACHINES)
def test_machines_are_machines(lists: Lists, local: str) -> None:
    """Hashes, identifiers, tokens, and letters that follow each other in no language."""
    assert lists.local_classes(local) == ("machine-made",)


def test_most_random_tokens_are_found() -> None:
    """Nine in ten of 16 letters and digits, three in four of 16 letters: the rest could be somebody's name."""
    dice = random.Random(7)
    for alphabet, least in ((string.ascii_lowercase + string.digits, 900), (string.ascii_lowercase, 740)):
        tokens = ["".join(dice.choices(alphabet, k=16)) for _ in range(1000)]
        assert sum(map(machine_made().matches, tokens)) >= least


@pytest.mark.parametrize("local", ["x7k2q9", "jane+x7k2q9zt4mwp", "王小明王小明王小明", "", "jane.x7k2q9", "éx7k2q9zt"])
def test_what_is_not_judged(local: str) -> None:
    """Short parts, the owner's own tags, and what is not plain ASCII."""
    assert not machine_made().matches(local)


@pytest.mark.parametrize("local", TRAPS)
def test_traps_are_traps(lists: Lists, local: str) -> None:
    """However it is written."""
    assert lists.local_classes(local) == ("honeypot",)


@pytest.mark.parametrize("local", NO_TRAPS)
def test_names_that_begin_like_a_trap(lists: Lists, local: str) -> None:
    """A word has to be whole, and a tag is its owner's own."""
    assert lists.local_classes(local) == ()


def test_the_list_of_honeypots_is_sound(lists: Lists) -> None:
    """Entries are lower-case, stand once, none is a role as well, and every word can be found by its mark."""
    table = read_table("honeypots")
    entries = [*table["whole"], *table["word"]]
    assert entries == [entry.lower() for entry in entries]
    assert len(entries) == len({entry.replace("-", "") for entry in entries})
    assert [entry for entry in entries if lists.local_classes(entry) != ("honeypot",)] == []
    assert all(honeypots().entry(entry) for entry in entries)
    with pytest.raises(ValueError, match="none of the marks"):
        Honeypots([], ["decoy"], ["spam"])


@given(text=st.text(max_size=80))
def test_any_text_has_at_most_one_class(lists: Lists, text: str) -> None:
    """Never raises."""
    assert len(lists.local_classes(text)) <= 1


def test_it_is_cheap(lists: Lists) -> None:
    """A few microseconds: it is asked for every intent. The bound is some five times what was measured."""
    best = min(repeat(lambda: [lists.local_classes(name) for name in PEOPLE], number=5, repeat=5)) / 5 / len(PEOPLE)
    assert best < 30e-6
