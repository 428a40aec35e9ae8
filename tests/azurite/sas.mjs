// A SAS of a container, signed with ARM_ACCESS_KEY: sas.mjs CONTAINER PERMISSIONS
import crypto from 'node:crypto';

const [container, permissions] = process.argv.slice(2);
const [start, end] = ['2020-01-01T00:00:00Z', '2099-01-01T00:00:00Z'];
const text = `${permissions}\n${start}\n${end}\n/blob/devstoreaccount1/${container}\n\n\n\n2021-12-02\nc\n\n\n\n\n\n\n`;
const signature = crypto.createHmac('sha256', Buffer.from(process.env.ARM_ACCESS_KEY, 'base64')).update(text).digest('base64');
const query = new URLSearchParams({ sv: '2021-12-02', sr: 'c', sp: permissions, st: start, se: end, sig: signature });
console.log(query.toString());
