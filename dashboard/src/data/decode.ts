// A report carries its data as gzip in base64.

export function fromBase64(encoded: string): Uint8Array<ArrayBuffer> {
  const raw = atob(encoded.replace(/\s+/g, ""));
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

export async function decodeData(encoded: string): Promise<unknown> {
  const bytes = fromBase64(encoded);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return JSON.parse(new TextDecoder().decode(bytes));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}
