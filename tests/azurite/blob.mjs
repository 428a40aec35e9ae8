// What no operator would do to the store: blob.mjs delete URL, or, of a container, save URL FILE and restore URL FILE: as it was
// then. Signs with ARM_ACCESS_KEY.
import crypto from 'node:crypto';
import fs from 'node:fs';

const key = Buffer.from(process.env.ARM_ACCESS_KEY, 'base64');

async function call(method, address, headers = {}, body = undefined) {
  const url = new URL(address);
  const given = { 'x-ms-date': new Date().toUTCString(), 'x-ms-version': '2023-11-03', ...headers };
  const names = Object.keys(given).filter((name) => name.startsWith('x-ms-')).sort();
  const query = [...url.searchParams].sort().map(([name, value]) => `\n${name}:${value}`).join('');
  const text = [method, '', '', body?.length || '', '', given['content-type'] ?? '', '', '', '', '', '', '',
    ...names.map((name) => `${name}:${given[name]}`), `/devstoreaccount1${url.pathname}${query}`].join('\n');
  const signature = crypto.createHmac('sha256', key).update(text).digest('base64');
  const reply = await fetch(url, { method, headers: { ...given, authorization: `SharedKey devstoreaccount1:${signature}` }, body });
  if (!reply.ok) throw new Error(`${method} ${url}: ${reply.status} ${await reply.text()}`);
  return reply;
}

const list = async (container) =>
  [...(await (await call('GET', `${container}?comp=list&restype=container`)).text()).matchAll(/<Name>([^<]*)<\/Name>/g)]
    .map(([, name]) => name);

const type = { 'content-type': 'application/octet-stream' };

async function put(container, { name, kind, content }) {
  const body = Buffer.from(content, 'base64');
  if (kind === 'AppendBlob') {
    await call('PUT', `${container}/${name}`, { ...type, 'x-ms-blob-type': kind });
    if (body.length) await call('PUT', `${container}/${name}?comp=appendblock`, type, body);
  } else {
    await call('PUT', `${container}/${name}`, { ...type, 'x-ms-blob-type': kind }, body);
  }
}

const [verb, address, file] = process.argv.slice(2);
if (verb === 'delete') await call('DELETE', address);
if (verb === 'save') {
  const blobs = [];
  for (const name of await list(address)) {
    const reply = await call('GET', `${address}/${name}`);
    blobs.push({ name, kind: reply.headers.get('x-ms-blob-type'), content: Buffer.from(await reply.arrayBuffer()).toString('base64') });
  }
  fs.writeFileSync(file, JSON.stringify(blobs));
}
if (verb === 'restore') {
  for (const name of await list(address)) await call('DELETE', `${address}/${name}`);
  for (const blob of JSON.parse(fs.readFileSync(file, 'utf8'))) await put(address, blob);
}
