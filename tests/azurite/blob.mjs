// What no operator would do to the store: blob.mjs delete URL. Signs with ARM_ACCESS_KEY.
import crypto from 'node:crypto';

const url = new URL(process.argv[3]);
const date = new Date().toUTCString();
const query = [...url.searchParams].map(([name, value]) => `\n${name}:${value}`).join('');
const text = `DELETE\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:${date}\nx-ms-version:2023-11-03\n/devstoreaccount1${url.pathname}${query}`;
const key = Buffer.from(process.env.ARM_ACCESS_KEY, 'base64');
const signature = crypto.createHmac('sha256', key).update(text).digest('base64');
const reply = await fetch(url, {
  method: 'DELETE',
  headers: { 'x-ms-date': date, 'x-ms-version': '2023-11-03', authorization: `SharedKey devstoreaccount1:${signature}` },
});
if (reply.status !== 202) throw new Error(`${reply.status} ${await reply.text()}`);
