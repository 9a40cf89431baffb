"""Is one word the other with a slip of the pen? "Kashiwarra" for Kashiwara, "Willemstadt" for Willemstad.

A slip is one letter put in, left out, changed or swapped with its neighbour in a word of five letters and more, two in
words of nine. It is none where what is written is a word of its own:
OTHERS has the well-known names that stand so near to another one that they might be taken for its misspelling, and the
caller adds the words of the fact. The first letter is hardly ever mistaken, and so it must be right. Numbers and
numerals never slip.

Trap: endings make other words ("African" is not Africa), which is why some letters more at the end are no slip.
"""

import re

from kinject.judging.normalise import LINKS, vocabulary
from kinject.judging.peoples import ENDINGS, PEOPLES

NUMERAL = re.compile(r"[ivxlcdm]+")
LEAST_FOR_A_SLIP, LEAST_FOR_TWO = 5, 9  # letters
OTHERS = PEOPLES | vocabulary(
    # countries
    " algeria albania andorra angola argentina armenia aruba australia austria azerbaijan bahamas bahrain bangladesh"
    " barbados belarus belgium belize benin bermuda bhutan bolivia bonaire botswana brazil britain brunei bulgaria"
    " burundi cambodia cameroon canada chad chile china colombia comoros congo croatia cuba curacao cyprus denmark"
    " djibouti dominica ecuador egypt england eritrea estonia eswatini ethiopia fiji finland france gabon gambia"
    " georgia germany ghana greece greenland grenada guatemala guinea guyana haiti honduras hungary iceland india"
    " indonesia iran iraq ireland island israel italy jamaica japan jordan kazakhstan kenya kiribati korea kosovo"
    " kuwait kyrgyzstan laos latvia lebanon lesotho liberia libya liechtenstein lithuania luxembourg macedonia"
    " madagascar malawi malaysia maldives mali malta mauritania mauritius mexico micronesia moldova monaco mongolia"
    " montenegro morocco mozambique myanmar namibia nauru nepal netherlands nicaragua niger nigeria norway oman"
    " pakistan palau panama papua paraguay peru poland portugal qatar romania russia rwanda samoa scotland senegal"
    " serbia seychelles singapore slovakia slovenia somalia spain sudan suriname sweden switzerland swaziland syria"
    " taiwan tajikistan tanzania thailand tibet tobago togo tonga trinidad tunisia turkey turkmenistan tuvalu uganda"
    " ukraine uruguay uzbekistan vanuatu venezuela vietnam wales yemen zambia zimbabwe"
    # states and regions
    " alabama alaska alberta andalusia aragon arizona arkansas bavaria calabria california carolina catalonia"
    " colorado connecticut delaware florida galicia hawaii idaho illinois indiana iowa kansas kentucky kerala"
    " louisiana maine manitoba maryland massachusetts michigan minnesota mississippi missouri montana nebraska"
    " nevada ohio oklahoma ontario oregon pennsylvania punjab saxony siberia silesia tasmania tennessee texas utah"
    " vermont victoria virginia westphalia wisconsin wyoming aichi akita aomori chiba ehime fukui fukuoka gifu gunma"
    " hyogo ibaraki ishikawa iwate kagawa kagoshima kanagawa kochi kumamoto mie miyagi miyazaki nagano nagasaki nara"
    " niigata oita okayama okinawa saga saitama shiga shimane tochigi tokushima toyama wakayama yamagata yamaguchi"
    " yamanashi"
    # cities
    " aachen aarhus accra adana agadir ajaccio albany aleppo algiers amman amsterdam ankara annaba antwerp athens"
    " auckland augusta baghdad bali baltimore bamako bangkok barcelona basel basra beijing beirut belfast belgrade"
    " bergamo bergen berlin berne bilbao bologna bonn bordeaux boston bratislava brisbane bristol brussels bucharest"
    " budapest burlington cairo cagliari calgary cambridge canberra cardiff caracas cartagena casablanca charleston"
    " charlotte chennai chicago cologne columbia columbus copenhagen cordoba cork cracow dakar dallas damascus"
    " darwin dayton delhi denver detroit dhaka dodoma doha dresden dublin durango durban dundee durham dusseldorf"
    " essen florence frankfurt galway geneva genoa ghent girona glasgow granada graz haarlem hague haifa hamburg"
    " hanoi hanover harare havana helsinki hiroshima hobart houston ibiza islamabad istanbul jaffa jakarta"
    " johannesburg kabul kampala kanazawa karachi kaunas khartoum kigali kingston kingstown kobe konya kyiv kyoto"
    " lagos lahore lausanne leeds leicester leiden leipzig leon lille lima limerick linz lisbon liverpool london"
    " lucerne lusaka luanda lyon madrid malaga malmo manama manaus manchester manila maputo marseille matsue"
    " matsumoto matsuyama medellin medina melbourne merida messina metz miami milan minsk mombasa monterrey montreal"
    " montreux moscow mumbai munich murcia nagoya nairobi nantes naples nassau newark nice nicosia nijmegen"
    " nottingham odense odessa omaha oran orlando osaka oslo ottawa oviedo oxford padua palermo paris parma perth"
    " perugia pisa porto potsdam prague pretoria quito ravenna reims rennes riga rimini rome rotterdam rouen"
    " salzburg sapporo sendai seoul seville shanghai sienna siena sofia stockholm stuttgart sucre suva sydney"
    " tallinn tampa tarragona tehran tilburg tirana tokyo toledo tolosa toronto tortosa toulon toulouse trento"
    " trieste tripoli tucson tunis turin utrecht valencia valletta vancouver venice verona vevey vichy vienna vienne"
    " vilnius warsaw wellington windsor zagreb zurich atlantis"
    # elements, money and other words that stand near to names
    " antinomy arsenic barium beryllium bismuth boron bromine cadmium calcium caesium cerium chlorine chromium"
    " cobalt copper curium fluorine francium gallium germanium hafnium helium holmium indium iodine iridium krypton"
    " lithium lutetium mercury nickel niobium osmium palladium platinum polonium radium radon rhenium rhodium"
    " rubidium ruthenium scandium selenium silicon silver sodium strontium tantalum tellurium terbium thallium"
    " thorium thulium titanium uranium vanadium xenon yttrium dinar dirham dollar forint franc krona krone kroner"
    " lira manat peso pound rand ringgit rouble ruble rufiyaa rupee rupees rupiah shekel shilling taka tugrik"
    " johnston jonson marx mori nevis saito susan walter winston heard market nerves never place places price racine"
    " ranges share sheer singers sinner smear spear spinner stake status storm swear thinks water winners winter"
)
"""Names and words that are never another one with a slip."""
HEADS = vocabulary(
    "park university college institute stadium arena field ground street saint mount mountain island islands lake river"
    " county province prefecture peninsula district department castle bridge square road fort city town republic"
    " federal kingdom united club company corporation limited brothers association"
)
"""Generic nouns that are often written short within a name."""


def slip(said: str, wanted: str) -> bool:
    """Whether one word is the other with a slip of the pen."""
    short, long = sorted((said, wanted), key=len)
    if said in OTHERS or said[:1] != wanted[:1] or not (said + wanted).isalpha() or NUMERAL.fullmatch(wanted):
        return False
    if long.startswith(short) and (tail := long[len(short) :]) in ENDINGS and tail != short[-1:]:
        return False
    return len(long) >= LEAST_FOR_A_SLIP and _edits(said, wanted) <= 1 + (len(short) >= LEAST_FOR_TWO)


def shortens(said: str, noun: str) -> bool:
    """Whether a generic noun is written short: "pk" for park, "univ" for university, "fld" for field."""
    if noun not in HEADS or said in LINKS or not 2 <= len(said) < len(noun) or said[0] != noun[0]:
        return False
    rest = iter(noun)
    ends_alike = said[-1] == noun[-1] and all(letter in rest for letter in said)
    return ends_alike or (len(said) > 2 and noun.startswith(said))


def _edits(a: str, b: str) -> int:
    """The least number of letters put in, left out, changed or swapped with their neighbour."""
    if abs(len(a) - len(b)) > 2:
        return abs(len(a) - len(b))
    rows = [list(range(len(b) + 1))]
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]
