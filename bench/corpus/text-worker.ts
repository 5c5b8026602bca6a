// A thread that makes text with links of pieces of a dump, without tokenising: what WikiExtractor does.
import { encodeUtf8 } from '../../lib/core/utf8.ts';
import { serve } from '../../lib/core/worker-pool.ts';
import { type PageBatch, readPages } from '../../lib/corpus/page-reader.ts';
import type { Siteinfo } from '../../lib/corpus/siteinfo.ts';
import { ArticleExtractor } from '../../lib/corpus/wikitext/extract.ts';

export interface TextResult {
  articles: number;
  lines: Uint8Array;
}

serve(async (siteinfo: Siteinfo) => {
  const extractor = new ArticleExtractor(siteinfo);
  const source = { file: 'bench', namespaces: siteinfo.namespaces };
  return async (batch: PageBatch) => {
    const articles = readPages(batch, source)
      .filter(({ namespace, redirect }) => namespace === 0 && redirect === undefined)
      .map((page) => extractor.extract(page));
    const text = articles.map((article) => `${JSON.stringify(article)}\n`).join('');
    const lines = encodeUtf8(text);
    const result: TextResult = { articles: articles.length, lines };
    return { result, transfer: [lines.buffer as ArrayBuffer] };
  };
});
