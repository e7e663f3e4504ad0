// What the tests share: where the org is, and connections to it.
import { createSign } from 'node:crypto';
import jsforce from 'jsforce';

export const url = process.env.FAKEORG_URL;
export const version = '66.0';
export const app = { clientId: process.env.FAKEORG_CLIENT_ID, clientSecret: process.env.FAKEORG_CLIENT_SECRET };
export const username = process.env.FAKEORG_USERNAME;
export const jwtGrant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Signs a JWT assertion; claims override the good ones. */
export function assertion(claims = {}) {
  const good = { iss: app.clientId, sub: username, aud: url, exp: Math.floor(Date.now() / 1000) + 120 };
  const text = `${part({ alg: 'RS256' })}.${part({ ...good, ...claims })}`;
  return `${text}.${createSign('RSA-SHA256').update(text).sign(process.env.FAKEORG_KEY, 'base64url')}`;
}

/** A connection without a session. */
export function stranger(options = {}) {
  return new jsforce.Connection({ loginUrl: url, instanceUrl: url, version, oauth2: { loginUrl: url, ...app }, ...options });
}

/** A connection that has logged in with client credentials. */
export async function connect(options = {}) {
  const conn = stranger(options);
  await conn.authorize({ grant_type: 'client_credentials' });
  return conn;
}

/** The error that a promise ends with. */
export async function failure(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it should have failed');
}
