// `leia/corpus`: Wikimedia's dumps as pages, as text with links, and as datasets of tokens with entity spans; and the
// reading of such datasets. What it imports needs no tokenizer: `prepare` takes one that its caller has loaded.

export { type PrepareTextOptions, prepareText } from './corpus/dataset/annotated-text.ts';
export type { FilterOptions, LeftOut, Reason } from './corpus/dataset/article-filter.ts';
export type { ByteProgress } from './corpus/dataset/byte-progress.ts';
export {
  type ExtractTextOptions,
  extractText,
  type TextPiece,
} from './corpus/dataset/extract-text.ts';
export type { DatasetOptions, Prepared, PrepareStage } from './corpus/dataset/make-dataset.ts';
export { type PrepareOptions, prepare } from './corpus/dataset/prepare.ts';
export type { Sample as ArticleSample } from './corpus/dataset/sample.ts';
export { type Dump, openDump, readDump } from './corpus/dump/dump.ts';
export { dumpFiles } from './corpus/dump/dump-files.ts';
export { type PageOrigin, sourceOf } from './corpus/dump/page-source.ts';
export type { CaseRule, Namespace, Page, Siteinfo } from './corpus/dump/siteinfo.ts';
export { englishName } from './corpus/names/english-name.ts';
export { type NameSource, readNames } from './corpus/names/name-source.ts';
export type { Article, Link } from './corpus/wikitext/article.ts';
export {
  ArticleExtractor,
  type ExtractOptions,
  type Kept,
  type LinkKinds,
  type Lists,
  type Reading,
  type References,
  type Scripts,
  type TemplateTreatment,
} from './corpus/wikitext/extract.ts';
export { Dataset } from './leia/dataset.ts';
export type { DatasetMeta, Manifest } from './leia/dataset-format.ts';
export type { Passage, PassageLink } from './leia/dataset-records.ts';
export { DatasetWriter } from './leia/dataset-writer.ts';
export type { EntitySpan, TokenEntity, TokenizedArticle } from './leia/entity.ts';
export { LeiaError, type LeiaErrorCode } from './system/error.ts';
