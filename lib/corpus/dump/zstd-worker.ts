// A thread that decodes zstd; see `zstd.ts`.
import { serve } from '../../system/worker-pool.ts';
import { type ZstdParts, ZstdUnpacker } from './zstd.ts';

serve(async () => {
  const unpacker = await ZstdUnpacker.create();
  return async (parts: ZstdParts) => {
    const result = unpacker.unpack(parts);
    return { result, transfer: [result.buffer] };
  };
});
