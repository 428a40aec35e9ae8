// A place that gives tokens which Azurite takes: token.mjs PORT KEY CERT. Azurite looks at the claims, not at the signature.
import https from 'node:https';
import fs from 'node:fs';

const [port, key, cert] = process.argv.slice(2);
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

https.createServer({ key: fs.readFileSync(key), cert: fs.readFileSync(cert) }, (request, response) => {
  const now = Math.floor(Date.now() / 1000);
  const tenant = request.url.split('/')[1];
  const claims = {
    iss: `https://sts.windows.net/${tenant}/`, aud: 'https://storage.azure.com', iat: now - 60, nbf: now - 60, exp: now + 3600,
    appid: '22222222-2222-2222-2222-222222222222', oid: '33333333-3333-3333-3333-333333333333', tid: tenant,
  };
  const token = `${part({ alg: 'none', typ: 'JWT' })}.${part(claims)}.${part('x')}`;
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ token_type: 'Bearer', expires_in: 3600, access_token: token }));
}).listen(Number(port), '127.0.0.1');
