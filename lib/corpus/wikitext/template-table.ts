// What templates show a reader, one line each: the editions that have it so (`*`: all), its names in lower case, and
// what of it is shown, in the language of native/corpus/wikitext/templates.h. A name with `:` at its end is a function
// of the parser. Of two lines for one name the later counts. What an edition shows is described on the template's page
// there, as https://en.wikipedia.org/wiki/Template:Lang.

export const TEMPLATE_TABLE = `
# Words in other languages and scripts
*  | lang, langue, lingua, язык, idioma | {2|text|texte}
*  | transl, transliteration, translit, transl. | {3|2|1}
*  | unicode, iast, script, polytonic, hebrew, arabic, rtl-lang, cyrillic, greek text, nastaliq, 下げ核, 高線 | {2|1}
ja | jis2004フォント, jis90フォント, 補助漢字フォント, 拡張漢字, cp932フォント, 特殊文字, 人名漢字 | {1}
zh | 僻字, lj | {1}
*  | linktext, audio-ipa | {1}[{2}][{3}][{4}]
*  | ipa, api, phonétique, ipa2, ipablink, ifa, ipalink, дфа, ΔΦΑ, δφα, προφορά, мфа, afi | {2|1}
*  | ipa-all | @pronunciation
en | ipa | {2|1}
*  | ipac-en | @phonemes
*  | respell | @syllables
*  | angbr, angle bracket, grapheme | ⟨{1}⟩
*  | nihongo, japonais, 日本語 | {1|3}[ ({2}[, {3}][, {4|extra}])]
*  | nihongo2 | {1}
*  | nihongo3 | {3}[ ({2}[, {1}])]
*  | nihongo krt | {2}[ ({3}[, {1}])]
*  | ruby, ruby-ja, ruby-zh-p, ruby-zh-b, 読み仮名, 読み仮名 ruby不使用, ルビ, 注音 | {1}[（{2}）]
ja | langwithname | {2}: {3}
ja | en, fr, de, ja, es, it, ru, zh, ko, la, el, grc, pt, nl, pl, sv, da, cs, hu, fi, tr, ar, he, fa, uk, vi, th, sa, kotoban | {1}
ja | lang-*-latn | {2}
ja | interlang | {3|2}
*  | langwithname | {2}: {3}
*  | llang, langx | @language
*  | native name, native phrase | {2}
en | lit, literal translation | lit. '{1}'
en | gloss | '{1}'
en | lang-grc-gre | Greek: {1}
en | zh | Chinese: {c|s|t}[; traditional Chinese: {t}][; pinyin: {p}][; lit. '{l}']
en | korean | Korean: {hangul|1}[; Hanja: {hanja|2}][; RR: {rr|3}]
ar | إنج | (بالإنجليزية: {1})
ar | لغة-أل | (بالألمانية: {1})
ru | lang-en2, lang-de2, lang-fr2, lang-la2, lang-it2, lang-es2 | {1}

# Words that an editor doubts; the mark behind them is no text
*  | citation needed span, cn-span, fact span, clarify span | {1|text}
ja | 要出典範囲, 独自研究範囲, 要検証範囲, 要説明範囲, 要校閲範囲, 観点範囲 | {1|範囲|text}
ja | 出典範囲 | {text1}{text2}{text3}
el | πηγή, παραπομπή, εκκρεμεί παραπομπή, ασαφές | {1}
fr | référence nécessaire, refnec, référence souhaitée, refsou, pas clair | {1}
ru | нет АИ 2 | {1}
ar | بحاجة لمصدر | {1}
it | citazione necessaria, senza fonte, cn | {1}
pt | carece de fontes2 | {1}
pl | fakt | {1}

# Words set apart
*  | nowrap, nobr, nobold, nowraplinks, nobreak, не переносить, неразбивать, unité sans retour | {1}
*  | small, smaller, big, bigger, large, petit, small caps, smallcaps, sc, smcaps, larger, resize, x-larger | {2|1}
*  | color, colour, font color, couleur, fontsize, font, background color, bg, fontcolor | {3|2|1}
*  | center, centrer, strong, em, bold, b, i, italic, underline, u, mono, monospace, code, kbd, samp, var, mvar, math, tt, align | {2|1}
*  | abbr, abbreviation, abréviation, abrev, tooltip, hover title, explain, h:title, подсказка | {1}
*  | vanchor, visible anchor, anchor text | {1|text}
*  | sup, exp, e- | @sup
*  | e, ×10^, x10^ | @power
fr | e | e{1}
fr | er | er
fr | re | re
*  | sub, ind | @sub
*  | key press, keypress, touche, キー | {1}[+{2}][+{3}]
*  | w, wikt, wikt-lang, wiktionary inline | {3|2|1}
mr | autolink | {2|1}
el | redwd | {3|1}
ru | comment, s, флагификация | {1}
uk | comment, s | {1}
es | versalita | {1}
es | esd | \u00a0{1}
it | maiuscoletto, sc | {1}
fr | pc, petites capitales, incise, rom, romain, rom-maj | {1}
en | uss | USS {1}
en | hms | HMS {1}
en | hmas | HMAS {1}
en | rms | RMS {1}
en | sms | SMS {1}
en | ss | SS {1}
en | mv | MV {1}
en | hmcs | HMCS {1}
en | ship | [{1} ]{2}
en | sic, typo, as written, not a typo, notatypo, proper name | {1}{2}{3}
*  | legend, légende, leyenda, legende | {2}
*  | sortname, nom triable | {1} {2}
*  | hlist, flatlist, unbulleted list, ubl, plainlist, plain list, liste horizontale | {1}[ · {2}][ · {3}][ · {4}][ · {5}][ · {6}][ · {7}][ · {8}][ · {9}][ · {10}][ · {11}][ · {12}][ · {13}][ · {14}][ · {15}][ · {16}][ · {17}][ · {18}][ · {19}][ · {20}]
*  | chem, chem2, chimie | @chem
*  | frac, sfrac, fraction | @fraction

# Quotations
*  | quote, blockquote, cquote, quotation, bquote, pull quote, rquote, quotebox, 引用, quote2, poemquote, poem quote | {text|quote|1}[ — {author|sign|2}[, {source|3}]]
*  | ilq, inline quote, 引用文 | {1}
fr | citation, citation étrangère, «, guil | « {2|1} »
fr | citation bloc, bloc citation, citation2 | {1}
de | zitat, zitat-en, " | „{1|text|Text}“[ – {2|autor|Autor}]
de | abk, abkürzung | {1}
es | cita, cita2, cquote, citación | {1}[ — {2}]
ru | цитата, начало цитаты | {1|текст}[ — {2|автор}]
el | παράθεμα, απόσπασμα, αρχή παραθέματος | {1}

# Numbers and units
*  | formatnum:, num, nb, число, formatnumber, fmtn | @number
*  | nts, number table sorting | @number
*  | sort | {2|1}
*  | val | @value
*  | convert, convertir, конвертировать, المقياس | @convert
*  | cvt | @abbreviated
*  | unité, unite, unidad, unidade, μονάδα, nombre | @quantity
it | m | {1}[ {3|2|ul|u}]
*  | coord, coor dms, coor dm, coor d, координати, إحداثيات, koordinat | @coordinates
*  | km to mi | {1} km
*  | circa, c., ca., env | c. {1}[ – c. {2}]
fr | circa, vers, environ | vers {1}
*  | as of | @since
en | floruit, fl. | fl. {1}
en | reign, r. | r. {1}[–{2}]
en | gaps | {1}{2}{3}{4}{5}{6}
*  | sqrt | √{1}
*  | ordinal | {1}.

# Centuries and dates
fr | s, siècle, s-  | {1}{2} siècle
fr | -s, -s-, av jc siècle | {1}{2} siècle av. J.-C.
fr | sp | {1}{2} {3} {4}{5} siècle
fr | sap, souverain2 | {1}
fr | m. | M. {1}
fr | mm. | MM. {1}
fr | mme | Mme {1}
fr | mlle | Mlle {1}
fr | dr | Dr {1}
fr | pr | Pr {1}
fr | heure | {1} h[ {2}][ min {3} s]
fr | 1er | 1er
fr | 1re | 1re
fr | ier | Ier
fr | n° | no
fr | av jc siècle | {1}{2} siècle av. J.-C.
pt | século | século {1}
ru | oldstyledate | {3} ({1}) {2}
pt | dtlink, dni | @day
th | วันเกิด, วันเกิดและอายุ, วันตาย, วันตายและอายุ | @date
vi | ngày sinh, ngày sinh và tuổi, ngày mất, ngày mất và tuổi | @date
zh | bd | （{1}{2}－{3}{4}）
fr | date, date- | {1}[ {2}][ {3}]
fr | av jc, -jc | {1} av. J.-C.
es | siglo | [siglo {1}]
es | fecha, fecha de inicio, fecha de nacimiento | @day
*  | start date, end date, birth date, death date, birth-date, dts, date table sorting, 年月日, 生年月日, 生年月日と年齢, birth date and age | @date
*  | death date and age, 没年齢, 死亡年月日と没年齢 | @date

# Countries
*  | flag, flagcountry, flagu, flag+, bandera2, pays, drapeau2, флаг2, देशध्वज, ध्वज, flaglink, 国旗 | {name|nome|nombre|1}

# Signs
*  | 's | 's
*  | snds | \u00a0–\u0020
*  | mdashb | —
*  | eqm | ⇌
*  | okina, ‘okina | ʻ
*  | ayin | ʿ
*  | hamza | ʾ
*  | inr, ₹, indian rupee, रुपया | ₹[{1}]
en | us$, usd | US$[{1}]
en | gbp, £ | £[{1}]
en | eur, € | €[{1}]
*  | ·, •, dot, bullet, middot | \u00a0·\u0020
*  | ndash, –, en dash | –
*  | snd, spnd, spaced ndash, spaced en dash | \u00a0–\u0020
*  | mdash, —, em dash, emdash | —
*  | nbsp, spaces, space, espace, 空白 | \u00a0
*  | =, equal | =
*  | ', apostrophe | '
*  | !, pipe | \u007c
*  | pi | π
*  | music | @accidental
en | flat, ♭ | ♭
en | sharp, ♯ | ♯
en | natural, ♮ | ♮
fr | bémol | ♭
fr | dièse | ♯
*  | thinsp, thin space, narrow no-break space | \u2009
*  | hair space, hairsp, hsp | \u200a
*  | zwsp, wbr | \u200b
*  | zwnj | \u200c
*  | zwj | \u200d
*  | shy | \u00ad

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
