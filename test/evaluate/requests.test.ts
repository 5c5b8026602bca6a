import { join } from 'node:path';
import { expect, test } from 'vitest';
import { encodeRequests } from '../../lib/evaluate/requests.ts';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';
import { fixtures } from '../llama/fixtures.ts';

const tokenizer = await Tokenizer.load(join(fixtures, 'tokenizer-tiny'));
const ids = async (text: string) => [...(await tokenizer.encode(text)).ids];

test.each([
  ['a blank', 'the king ', 'the king'],
  ['what Python alone calls a blank', 'the king\u001c\u0085', 'the king'],
  ['what JavaScript alone calls a blank', 'the king\ufeff', 'the king\ufeff'],
])(
  '%s at the end of a context belongs to the continuation, as in lm-eval',
  async (_, text, own) => {
    const [request] = await encodeRequests([{ context: text, continuation: 'lived' }], tokenizer);
    const context = await ids(own);
    expect(request).toEqual({
      context,
      continuation: (await ids(`${text}lived`)).slice(context.length),
    });
  },
);
