// A thread that makes text with links of pieces of a dump, as lines of JSON like a dataset's, without
// tokenising: what WikiExtractor does.
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
    let articles = 0;
    for (const page of readPages(batch, source)) {
      if (page.namespace !== 0 || page.redirect !== undefined) continue;
      extractor.writeLine(page);
      articles++;
    }
    const lines = extractor.takeLines();
    const result: TextResult = { articles, lines };
    return { result, transfer: [lines.buffer as ArrayBuffer] };
  };
});
