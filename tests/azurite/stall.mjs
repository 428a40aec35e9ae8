// A proxy before the store that fails at the n-th request: stall.mjs N TARGET-URL [MODE]. Prints its own address.
//   stall (the default): that request and all later ones get no further, and no answer
//   lost: that request reaches the store, its answer is swallowed; later ones get no further
//   later:SECONDS: all are answered, with a Date header that is so much later
//   cut: that request reaches the store, its connection is closed instead of an answer; later ones are answered
import net from 'node:net';

const [nth, url, mode = 'stall'] = process.argv.slice(2);
const target = new URL(url);
const [, later] = /^later:(\d+)$/.exec(mode) ?? [];
let requests = 0;

// The date of an answer, as a clock that is ahead would write it.
const date = (data) => {
  const text = data.toString('latin1');
  if (!later || !text.startsWith('HTTP/1.1')) return data;
  const move = (all, name, at) => `${name}${new Date(Date.parse(at) + later * 1000).toUTCString()}`;
  return Buffer.from(text.replace(/^(date: )(.*)$/im, move), 'latin1');
};

const server = net.createServer((client) => {
  let swallows = false;
  const up = net.connect(Number(target.port), target.hostname);
  const end = () => { client.destroy(); up.destroy(); };
  client.on('data', (data) => {
    if (/^(GET|PUT|HEAD|POST|DELETE) /.test(data.toString('latin1'))) {
      requests++;
      swallows = (mode === 'lost' || mode === 'cut') && requests === Number(nth);
    }
    if (requests < Number(nth) || swallows || mode === 'cut' || later) up.write(data);
  }).on('error', end).on('close', end);
  up.on('data', (data) => {
    if (!swallows) client.write(date(data));
    else if (mode === 'cut') end();
  }).on('error', end).on('close', end);
});
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}${target.pathname}`));
