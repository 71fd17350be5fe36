/** `drydock playground` as a server. Needs `npm run build`. */
import { describe, expect, it } from 'vitest';
import { serve } from './site.ts';

describe('the server', () => {
  it('gives only what is in the site', async () => {
    const { stop, url } = await serve();
    try {
      const codeOf = async (path: string, method = 'GET') => (await fetch(url + path, { method })).status;
      expect(await codeOf('')).toBe(200);
      expect(await codeOf('site.json')).toBe(200);
      for (const path of ['..%2f..%2fpackage.json', '%2e%2e/build-id', 'assets', 'nothing', '%00', '%'])
        expect(await codeOf(path), path).toBe(404);
      expect(await codeOf('site.json', 'POST')).toBe(405);
    } finally {
      expect(await stop()).toBe(0);
    }
  });
});
