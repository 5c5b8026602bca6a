// What all reports begin and end with: one HTML page with its style in it.
import { type Html, html } from './html.ts';
import { style } from './style.ts';

/** A whole page, well-formed as HTML and as XML, without scripts and without anything from the network. */
export function page(title: string, content: Html): string {
  return `<!DOCTYPE html>\n${html`<html lang="en" xmlns="http://www.w3.org/1999/xhtml">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<h1>${title}</h1>
${content}
</body>
</html>`}\n`;
}
