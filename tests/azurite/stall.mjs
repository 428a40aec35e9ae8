// A proxy before the store that fails at the n-th request: stall.mjs N TARGET-URL [MODE]. Prints its own address.
//   stall (the default): that request and all later ones get no further, and no answer
//   lost: that request reaches the store, its answer is swallowed; later ones get no further
//   cut: that request reaches the store, its connection is closed instead of an answer; later ones are answered
import net from 'node:net';

const [nth, url, mode = 'stall'] = process.argv.slice(2);
const target = new URL(url);
let requests = 0;

const server = net.createServer((client) => {
  let swallows = false;
  const up = net.connect(Number(target.port), target.hostname);
  const end = () => { client.destroy(); up.destroy(); };
  client.on('data', (data) => {
    if (/^(GET|PUT|HEAD|POST|DELETE) /.test(data.toString('latin1'))) {
      requests++;
      swallows = mode !== 'stall' && requests === Number(nth);
    }
    if (requests < Number(nth) || swallows || mode === 'cut') up.write(data);
  }).on('error', end).on('close', end);
  up.on('data', (data) => {
    if (!swallows) client.write(data);
    else if (mode === 'cut') end();
  }).on('error', end).on('close', end);
});
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}${target.pathname}`));
