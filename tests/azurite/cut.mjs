// A proxy that cuts connections now and then, in the middle of a request or of a reply: cut.mjs PORT TARGET-PORT
import net from 'node:net';

const [port, target] = process.argv.slice(2).map(Number);
const CHANCE = 0.01;

net.createServer((client) => {
  const server = net.connect(target, '127.0.0.1');
  const end = () => { client.destroy(); server.destroy(); };
  const pass = (to) => (data) => (Math.random() < CHANCE ? end() : to.write(data));
  client.on('data', pass(server)).on('error', end).on('close', end);
  server.on('data', pass(client)).on('error', end).on('close', end);
}).listen(port, '127.0.0.1');
