// Prefixes of link targets that dumps do not list: other language editions and sister projects
// (https://meta.wikimedia.org/wiki/Interwiki_map), and names of the namespaces Category and Media
// in other languages, met in old pages and in dumps whose head belongs to another edition.

const words = (list: string): Set<string> => new Set(list.trim().split(/\s+/));

/** Codes of Wikipedia's language editions, closed and renamed ones included. */
export const LANGUAGE_PREFIXES = words(`
aa ab ace ady af ak als alt am ami an ang ann anp ar arc ary arz as ast atj av avk awa ay az azb ba
ban bar bat-smg bbc bcl bdr be be-tarask be-x-old bew bg bh bho bi bjn blk bm bn bo bol bpy br bs btm
bug bxr ca cbk cbk-zam cdo ce ceb ch cho chr chy ckb cmn co cr crh cs csb cu cv cy cz da dag de dga
din diq dk dsb dtp dty dv dz ee egl el eml en eo epo es et eu ext fa fat ff fi fiu-vro fj fo fon fr
frp frr fur fy ga gag gan gcr gd gl glk gn gom gor got gpe gsw gu guc gur guw gv ha hak haw he hi hif
ho hr hsb ht hu hy hyw hz ia iba id ie ig igl ii ik ilo inh io is isv it iu ja jam jbo jp jv ka kaa
kab kai kaj kbd kbp kcg kg kge ki kj kk kl km kn knc ko koi kr krc ks ksh ku kus kv kw ky la lad lb
lbe lez lfn lg li lij lld lmo ln lo lrc lt ltg lv lzh mad mag mai map-bms mdf mg mh mhr mi min minnan
mk ml mn mni mnw mo mos mr mrj ms mt mus mwl my myv mzn na nah nan nap nb nds nds-nl ne new ng nia nl
nn no nov nqo nr nrm nso nup nv ny oc olo om or os pa pag pam pap pcd pcm pdc pfl pi pih pl pms pnb
pnt ppl ps pt pwn qu rki rm rmy rn ro roa-rup roa-tara rsk ru rue rup rw sa sah sat sc scn sco sd se
sg sgs sh shi shn shy si simple sk skr sl sm smn sn so sq sr srn ss st stq su sv sw syl szl szy ta tay
tcy tdd te tet tg th ti tig tk tl tly tn to tok tpi tr trv ts tt tum tw ty tyv udm ug uk ur uz ve vec
vep vi vls vo vro wa war wo wuu xal xh xmf yi yo yue za zea zgh zh zh-cfr zh-classical zh-cn zh-min-nan
zh-tw zh-yue zu
`);

/** Sister projects and the outside sites that are linked like pages. */
export const PROJECT_PREFIXES = words(`
advisory arxiv b betawikiversity bibcode bugzilla c commons d dbdump doi donate download dpd f
foundation foundationsite gerrit git google hdl iarchive imdbcharacter imdbcompany imdbname imdbtitle
incubator irc iso639-3 issn jstor labsconsole lexemes m mail mediawikiwiki mediazilla meta metawiki
metawikimedia metawikipedia mw n nost nostalgia oeis oldwikisource openlibrary otrs otrswiki outreach
outreachwiki petscan phab phabricator pmid q quality rev rfc s scholar sourceforge species spcom
stats strategy sulutil svn testwiki testwikidata ticket toollabs tools toolforge translatewiki
usability v viaf votewiki voy w wikia wikibooks wikidata wikihow wikimedia wikinews
wikipediawikipedia wikiquote wikisource wikispecies wikitech wikiversity wikivoyage wikt wiktionary wmf
`);

/** Most languages name the namespace Category by a form of this word. */
export const CATEGORY_STEM =
  /^(?:[kc]at[eèéi]g[ouòóô]r[\p{L}\p{M}]{0,6}|кат[еэиі]гор[\p{L}\p{M}]{0,6}|κατηγορ[\p{L}\p{M}]{0,4}|კატეგორ[\p{L}]{0,4}|կատեգոր[\p{L}]{0,4})$/u;

/** Its other names, lower case. Short words that also begin titles are left out. */
export const CATEGORY_NAMES = new Set(
  `
luokka|flokkur|bólkur|abdeeling|jamii|kaarangay|sokajy|turkum|rummad|ronney|setensele|ñemohenda|toklat|
thể loại|төркем|санат|гурӯҳ|ангилал|קטגוריה|קאטעגאריע|تصنيف|رده|رسته|زمره|زمرہ|وېشنيزه|پۆل|تۈر|زمرو|
श्रेणी|वर्ग|वर्गः|विभाग|विषयश्रेणी|বিষয়শ্রেণী|শ্রেণী|শ্ৰেণী|ਸ਼੍ਰੇਣੀ|શ્રેણી|ଶ୍ରେଣୀ|பகுப்பு|వర్గం|ವರ್ಗ|വർഗ്ഗം|വിഭാഗം|
ප්‍රවර්ගය|หมวดหมู่|ໝວດ|ចំណាត់ថ្នាក់ក្រុម|កាត់ថ្នាក់|ကဏ္ဍ|መደብ|분류|分类|分類|カテゴリ|カテゴリー
`
    .replace(/\n/g, '')
    .split('|')
    .map((name) => name.normalize('NFC')),
);

/** The parameters of images that show a caption (`img_thumbnail` and `img_framed` of MediaWiki's languages). */
export const THUMBNAIL_NAMES: readonly string[] = [
  ...[
    'thumb',
    'thumbnail',
    'frame',
    'framed',
    'enframed',
    'mini',
    'miniatur',
    'gerahmt',
    'vignette',
    'cadre',
  ],
  ...[
    'miniatura',
    'miniaturadeimagen',
    'miniaturadaimagem',
    'marco',
    'min',
    'miniatuur',
    'mały',
    'miniatyr',
  ],
  ...[
    'мини',
    'миниатюра',
    'міні',
    'мініатюра',
    'μικρογραφία',
    'μινιατούρα',
    'サムネイル',
    'サムネ',
    'フレーム',
  ],
  ...[
    '缩略图',
    '縮圖',
    '섬네일',
    '썸네일',
    '프레임',
    'تصغير',
    'مصغر',
    'بندانگشتی',
    'ממוזער',
    'अंगूठाकार',
    'अंगूठा',
  ],
  ...['इवलेसे', 'nhỏ', 'pienoiskuva', 'küçükresim', 'náhľad', 'náhled', 'bélyegkép'],
];

/** A title with a prefix that ends like this is a file, whatever the language calls the namespace. */
export const MEDIA_EXTENSION =
  /\.(?:jpe?g|png|svg|gif|tiff?|webp|xcf|bmp|ogg|oga|ogv|ogx|opus|webm|wav|flac|mp3|mp4|mpe?g|midi?|pdf|djvu|stl)$/i;
