// What templates show a reader, one line each: the editions that have it so (`*`: all), its names in lower case, and
// what of it is shown, in the language of native/corpus/wikitext/templates.h. A name with `:` at its end is a function
// of the parser. Of two lines for one name the later counts. What an edition shows is described on the template's page
// there, as https://en.wikipedia.org/wiki/Template:Lang.

export const TEMPLATE_TABLE = `
# Words in other languages and scripts
*  | lang, langue, lingua, язык, idioma | {2|text|texte}
*  | transl, transliteration, translit, transl. | {3|2|1}
*  | unicode, script, polytonic, hebrew, arabic, rtl-lang, cyrillic, greek text, 下げ核 | {2|1}
*  | linktext, audio-ipa | {1}[{2}][{3}][{4}]
*  | ipa, api, phonétique, ipa2, ipablink, ipa-all, ifa, ipalink, дфа, δφα, προφορά, мфа, afi | {2|1}
en | ipa | {2|1}
*  | ipac-en | @phonemes
*  | respell | @syllables
*  | angbr, angle bracket, grapheme | ⟨{1}⟩
*  | nihongo, japonais, 日本語 | {1|3}[ ({2}[, {3}][, {4|extra}])]
*  | nihongo2 | {1}
*  | nihongo3 | {3}[ ({2}[, {1}])]
*  | nihongo krt | {2}[ ({3}[, {1}])]
*  | ruby, 読み仮名, 読み仮名 ruby不使用, ルビ | {1}[（{2}）]
ja | langwithname | {2}: {3}
ja | en, fr, de, ja, es, it, ru, zh, ko, la | {1}
ja | interlang | {3|2}
*  | langwithname | {2}: {3}
*  | llang | @language

# Words set apart
*  | nowrap, nobr, nobold, nowraplinks, nobreak, не переносить, неразбивать, unité sans retour | {1}
*  | small, smaller, big, bigger, large, petit, small caps, smallcaps, sc, smcaps, larger, resize, x-larger | {2|1}
*  | color, colour, font color, couleur, fontsize, font, background color, bg, fontcolor | {3|2|1}
*  | center, centrer, strong, em, bold, b, i, italic, underline, u, mono, monospace, code, kbd, samp, var, mvar, math, tt, align | {2|1}
*  | abbr, abbreviation, abréviation, abrev, tooltip, hover title, explain, h:title, подсказка | {1}
*  | vanchor, visible anchor, anchor text | {1|text}
*  | sup, exp, e- | @sup
*  | sub, ind | @sub
*  | key press, keypress, touche, キー | {1}[+{2}][+{3}]
*  | w, wikt, wikt-lang, wiktionary inline | {3|2|1}
*  | sortname, nom triable | {1} {2}
*  | hlist, flatlist, unbulleted list, ubl, plainlist, plain list, liste horizontale | {1}[ · {2}][ · {3}][ · {4}][ · {5}][ · {6}][ · {7}][ · {8}]
*  | chem, chem2, chimie | @chem
*  | frac, sfrac, fraction | @fraction

# Quotations
*  | quote, blockquote, cquote, quotation, bquote, pull quote, rquote, quotebox, 引用, quote2 | {text|quote|1}[ — {author|sign|2}[, {source|3}]]
*  | ilq, inline quote, 引用文 | {1}
fr | citation, citation étrangère, «, guil | « {2|1} »
fr | citation bloc, bloc citation, citation2 | {1}
de | zitat, zitat-en | „{1|text}“[ – {2|autor}]
es | cita, cita2, cquote, citación | {1}[ — {2}]
ru | цитата, начало цитаты | {1|текст}[ — {2|автор}]
el | παράθεμα, απόσπασμα, αρχή παραθέματος | {1}

# Numbers and units
*  | formatnum:, num, nombre, nb, число, formatnumber | @number
*  | nts, ntsh, number table sorting, sort | @number
*  | val | @value
*  | convert, convertir, конвертировать, المقياس | @convert
*  | cvt | @abbreviated
*  | unité, unite | {1}[ {2}]
*  | km to mi | {1} km
*  | circa, c., ca., env | c. {1}[ – c. {2}]
fr | circa, vers, environ | vers {1}
*  | as of | @since
*  | ordinal | {1}.

# Centuries and dates
fr | s, siècle, s-  | {1}{2} siècle
fr | -s, -s-, av jc siècle | {1}{2} siècle av. J.-C.
fr | sp | {1}{2} {3} {4}{5} siècle
fr | sap, souverain2 | {1}
fr | date, date- | {1}[ {2}][ {3}]
fr | av jc, -jc | {1} av. J.-C.
es | siglo | [siglo {1}]
es | fecha, fecha de inicio, fecha de nacimiento | @day
*  | start date, end date, birth date, death date, birth-date, dts, date table sorting, 年月日, 生年月日, 生年月日と年齢, birth date and age | @date
*  | death date and age, 没年齢, 死亡年月日と没年齢 | @date

# Countries
*  | flag, flagcountry, flagu, flag+, bandera2, pays, drapeau2, флаг2, देशध्वज, ध्वज, flaglink, 国旗 | {name|nome|nombre|1}

# Signs
*  | ·, •, dot, bullet, middot | \u00a0·\u0020
*  | ndash, –, en dash | –
*  | snd, spnd, spaced ndash, spaced en dash | \u00a0–\u0020
*  | mdash, — | —
*  | nbsp, spaces, space, espace, 空白 | \u00a0
*  | =, equal | =
*  | ', apostrophe | '
*  | !, pipe | \u007c
*  | pi | π
*  | shy, thinsp, hair space, zwsp, zwj, wbr | \u200b

# Links to pages that other editions have
*  | ill, ill2, interlanguage link, interlanguage link multi, illm, iill, link-interwiki | -> lt|label|1 1 2=3 4=5 6=7 8=9
ja | 仮リンク, 日本語版にない記事リンク, link | -> label|1 1 2=3 4=5 6=7 8=9
ko | 임시링크, 언어간 링크 | -> v|1 1 2=3 4=5 6=7
zh | link-en, le, internal link helper/en, link-en/en, en-link | -> d|3|1 1 en=2
zh | tsl, translink, internal link helper | -> 4|3 3 1=2
fr | lien | -> texte|fr|1 fr|1 ?langue=trad lang=trad 2=3
ru | iw, нп, нп2, нп3, нп4, нп5, не переведено, не переведено 2, не переведено 3, не переведено 5 | -> 2|1 1 ?3=4
uk | iw, нп, нп2, нп3, нп5, не перекладено | -> 2|1 1 ?3=4
ar | وإو, وصلة إنترويكي | -> نص|عر|1 عر|1 ?لغ=تر 2=3
`;
