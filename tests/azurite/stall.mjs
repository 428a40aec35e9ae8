// A proxy that answers until the n-th request, and is silent from then on: stall.mjs N TARGET-URL. Prints its own address.
import net from 'node:net';

const [nth, url] = process.argv.slice(2);
const target = new URL(url);
let requests = 0;

const server = net.createServer((client) => {
  const up = net.connect(Number(target.port), target.hostname);
  const end = () => { client.destroy(); up.destroy(); };
  client.on('data', (data) => {
    if (/^(GET|PUT|HEAD|POST|DELETE) /.test(data.toString('latin1'))) requests++;
    if (requests < Number(nth)) up.write(data);
  }).on('error', end).on('close', end);
  up.on('data', (data) => client.write(data)).on('error', end).on('close', end);
});
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}${target.pathname}`));
