// Measures as `{{convert}}` shows them: "10 kilometres (6.2 mi)". Values are rounded as its page says
// (https://en.wikipedia.org/wiki/Template:Convert#Rounding): about as precise as what was given, two digits at least.
import { formatNumber, type Values } from './template-values.ts';

interface Unit {
  symbol: string;
  /** English singular and plural, British and American where they differ; others are written with the symbol. */
  names: readonly [string, string];
  /** What is measured, and how many of its base unit one is. */
  kind: string;
  scale: number;
  /** Temperatures: what 0 is in the base unit. */
  zero: number;
  /** The units it is converted to unless others are named. */
  targets: readonly string[];
}

/** Code and other codes; symbol; singular; plural; what is measured; how many base units; converted to. */
const UNITS = `
mm|mm|millimetre|millimetres|length|0.001|in
cm|cm|centimetre|centimetres|length|0.01|in
m|m|metre|metres|length|1|ft
km|km|kilometre|kilometres|length|1000|mi
in|in|inch|inches|length|0.0254|mm
ft,foot|ft|foot|feet|length|0.3048|m
yd|yd|yard|yards|length|0.9144|m
mi,mile|mi|mile|miles|length|1609.344|km
nmi|nmi|nautical mile|nautical miles|length|1852|km,mi
m2|m²|square metre|square metres|area|1|sqft
km2|km²|square kilometre|square kilometres|area|1000000|sqmi
ha|ha|hectare|hectares|area|10000|acre
sqft,ft2|sq ft|square foot|square feet|area|0.09290304|m2
acre|acres|acre|acres|area|4046.8564224|ha
sqmi,mi2|sq mi|square mile|square miles|area|2589988.110336|km2
g|g|gram|grams|mass|0.001|oz
kg|kg|kilogram|kilograms|mass|1|lb
t|t|tonne|tonnes|mass|1000|LT,ST
lb,lbs|lb|pound|pounds|mass|0.45359237|kg
oz|oz|ounce|ounces|mass|0.028349523125|g
LT|long tons|long ton|long tons|mass|1016.0469088|t
ST|short tons|short ton|short tons|mass|907.18474|t
L,l|L|litre|litres|volume|0.001|impgal,USgal
m3|m³|cubic metre|cubic metres|volume|1|cuft
cuft,ft3|cu ft|cubic foot|cubic feet|volume|0.028316846592|m3
USgal|US gal|US gallon|US gallons|volume|0.003785411784|L,impgal
impgal|imp gal|imperial gallon|imperial gallons|volume|0.00454609|L,USgal
km/h|km/h|kilometre per hour|kilometres per hour|speed|0.2777777777777778|mph
mph|mph|mile per hour|miles per hour|speed|0.44704|km/h
m/s|m/s|metre per second|metres per second|speed|1|ft/s
ft/s|ft/s|foot per second|feet per second|speed|0.3048|m/s
kn|kn|knot|knots|speed|0.5144444444444445|km/h,mph
kW|kW|kilowatt|kilowatts|power|1000|hp
hp|hp|horsepower|horsepower|power|745.6998715822702|kW
C|°C|||temperature|1|F
F|°F|||temperature|0.5555555555555556|C
K|K|||temperature|1|C,F
`;
const ZEROS: Readonly<Record<string, number>> = { C: 273.15, F: 255.3722222222222 };

const units = new Map<string, Unit>();
for (const line of UNITS.trim().split('\n')) {
  const [codes = '', symbol = '', one = '', many = '', kind = '', scale, targets = ''] =
    line.split('|');
  const zero = ZEROS[codes] ?? 0;
  const unit: Unit = {
    symbol,
    names: [one, many],
    kind,
    scale: Number(scale),
    zero,
    targets: targets.split(','),
  };
  for (const code of codes.split(',')) units.set(code, unit);
}

/** Between two numbers of a range: how it is written, and how behind the numbers. */
const BETWEEN = new Map(
  Object.entries({
    ...{ '-': '–', '–': '–', to: ' to ', and: ' and ', or: ' or ' },
    ...{ x: ' × ', by: ' by ', '×': ' × ' },
  }),
);

/** What a rounded value has in digits more than its precision, at least. */
const FINER = Math.log10(2);

interface Quantity {
  value: number;
  /** Digits behind the point, or how many zeros end the number, as a negative number. */
  precision: number;
  text: string;
}

const NUMBER = /^([-−+]?)(\d+)(?:\.(\d+))?$/;

function quantityOf(text: string, language: string): Quantity | undefined {
  // Looking first is faster than replacing nothing: measures are most of what templates compute.
  const plain = text.includes(',') ? text.replaceAll(',', '') : text;
  const [, sign = '', whole, decimals] =
    NUMBER.exec(plain.startsWith('.') ? `0${plain}` : plain) ?? [];
  if (whole === undefined || whole.length > 15) return undefined;
  const minus = sign === '-' || sign === '−';
  const size = Number(decimals === undefined ? whole : `${whole}.${decimals}`);
  const value = minus ? -size : size;
  const digits = formatNumber(whole, decimals, language);
  const shown = minus ? `−${digits}` : digits;
  if (decimals !== undefined) return { value, precision: decimals.length, text: shown };
  let zeros = 0;
  while (zeros < whole.length - 1 && whole.at(-1 - zeros) === '0') zeros++;
  return { value, precision: -zeros, text: shown };
}

/** How many digits behind the point a converted value has. */
function digitsOf(given: Quantity, from: Unit, to: Unit, result: number): number {
  const tiny = 1e-14;
  if (from.kind === 'temperature') {
    const kelvin = Math.abs(given.value * from.scale + from.zero);
    const least = kelvin < 1e-8 ? 2 : 2 - Math.floor(Math.log10(kelvin) + tiny);
    return Math.max(given.precision, least);
  }
  if (given.value === 0 || result === 0) return 0;
  const size = Math.abs(result);
  // Whole numbers give feet to the foot.
  const feet = to.symbol === 'ft' && Number.isInteger(given.value);
  const ratio = feet ? 1 / from.scale : Math.abs(given.value) / size;
  const finer = Math.log10(ratio) + FINER;
  return Math.max(Math.floor(given.precision + finer), 1 - Math.floor(Math.log10(size) + tiny));
}

function rounded(value: number, digits: number, language: string): string {
  const unit = 10 ** Math.max(-digits, 0);
  const number = digits < 0 ? Math.round(Math.abs(value) / unit) * unit : Math.abs(value);
  const fixed = number.toFixed(Math.min(Math.max(digits, 0), 20));
  const point = fixed.indexOf('.');
  const whole = point < 0 ? fixed : fixed.slice(0, point);
  const text = formatNumber(whole, point < 0 ? undefined : fixed.slice(point + 1), language);
  return value < 0 && Number(fixed) !== 0 ? `−${text}` : text;
}

/** `round=5`: to a multiple of it. */
const STEPS = new Map([5, 10, 25, 50].map((step) => [String(step), step]));

/** A measure and what it is in other units, or an empty string if they are not known. */
export function convert(values: Values, language: string): string {
  const numbers: Quantity[] = [];
  let between = '';
  let place = 1;
  for (; ; place += 2) {
    const quantity = quantityOf(values.get(String(place)) ?? '', language);
    if (quantity === undefined) return '';
    numbers.push(quantity);
    const sign = BETWEEN.get(values.get(String(place + 1)) ?? '');
    if (sign === undefined || numbers.length === 2) break;
    between = sign;
  }
  const from = units.get(values.get(String(place + 1)) ?? '');
  if (from === undefined) return '';
  const named = values.get(String(place + 2));
  const given = named === undefined ? from.targets : codesOf(named);
  const last = numbers.at(-1)!;
  const text = numbers.length === 1 ? last.text : numbers.map(({ text }) => text).join(between);
  const shown = nameOf(text, last.value, from, values, language);
  if (values.get('disp') === 'out') return shown;
  const digits = Number(values.get(String(place + 3)) ?? Number.NaN);
  const significant = Number(values.get('sigfig') ?? 0);
  const step = STEPS.get(values.get('round') ?? '') ?? 0;
  const inWords = language === 'en' && /^(?:off|in|none)$/.test(values.get('abbr') ?? '');
  let results = '';
  for (const code of given) {
    const to = units.get(code);
    if (to === undefined || to.kind !== from.kind) continue;
    let places = Number.NEGATIVE_INFINITY;
    const converted: number[] = [];
    for (const number of numbers) {
      const value = (number.value * from.scale + from.zero - to.zero) / to.scale;
      converted.push(value);
      places = Math.max(places, digitsOf(number, from, to, value));
    }
    if (Number.isInteger(digits)) places = digits;
    const size = Math.abs(converted.at(-1)!);
    if (significant > 0 && size > 0) places = significant - 1 - Math.floor(Math.log10(size));
    const texts = converted.map((value) =>
      step > 0
        ? rounded(Math.round(value / step) * step, 0, language)
        : rounded(value, places, language),
    );
    const name = inWords ? ` ${spelled(to, texts.at(-1)!, values)}` : ` ${to.symbol}`;
    results += `${results === '' ? '' : '; '}${texts.join(between)}${name}`;
  }
  return results === '' ? shown : `${shown} (${results})`;
}

/** The codes of units that are named together, `ft+in`. */
function codesOf(named: string): readonly string[] {
  return /[\s+]/.test(named) ? named.split(/[\s+]+/) : [named];
}

function nameOf(text: string, value: number, unit: Unit, values: Values, language: string): string {
  const abbreviated = values.get('abbr') === 'on' || values.get('abbr') === 'in';
  if (language !== 'en' || unit.names[0] === '' || abbreviated) return `${text} ${unit.symbol}`;
  if (values.get('adj') === 'on') return `${text}-${spelled(unit, '1', values)}`;
  return `${text} ${spelled(unit, Math.abs(value) === 1 ? '1' : text, values)}`;
}

/** The English name of a unit behind a number: `metre` behind 1 alone. */
function spelled({ names, symbol }: Unit, number: string, values: Values): string {
  const [one, many] = names;
  const name = number === '1' ? one : many;
  if (name === '') return symbol;
  return values.get('sp') === 'us' ? name.replace(/(?<=met|lit)re/, 'er') : name;
}
