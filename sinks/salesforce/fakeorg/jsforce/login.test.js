import assert from 'node:assert/strict';
import { test } from 'node:test';
import jsforce from 'jsforce';
import { app, assertion, connect, failure, jwtGrant, stranger, url, username, version } from './org.js';

test('JWT bearer opens a session', async () => {
  const conn = stranger();
  const user = await conn.authorize({ grant_type: jwtGrant, assertion: assertion() });
  assert.match(conn.accessToken, /^00D\w{12}!.+/);
  assert.match(user.organizationId, /^00D\w{15}$/);
  assert.equal((await conn.identity()).username, username);
});

test('client credentials open a session as the integration user', async () => {
  const conn = await connect();
  const me = await conn.identity();
  assert.equal(me.username, username);
  assert.equal(conn.instanceUrl, url);
  const info = await conn.request(`${url}/services/oauth2/userinfo`);
  assert.equal(info.preferred_username, username);
  assert.equal(info.user_id, me.user_id);
});

test('a refused login has the words of the real one', async (t) => {
  const past = Math.floor(Date.now() / 1000) - 10;
  const refusals = [
    ['expired', assertion({ exp: past }), 'invalid_grant', 'expired authorization code'],
    ['audience', assertion({ aud: 'https://example.com' }), 'invalid_grant', 'audience is invalid'],
    ['user', assertion({ sub: 'nobody@example.com' }), 'invalid_grant', "user hasn't approved this consumer"],
    ['app', assertion({ iss: 'nobody' }), 'invalid_client_id', 'client identifier invalid'],
    ['signature', `${assertion()}x`.replace(/.{9}$/, 'AAAAAAAAA'), 'invalid_grant', 'invalid assertion'],
    ['no JWT', 'rubbish', 'invalid_grant', 'invalid assertion'],
  ];
  for (const [name, token, code, words] of refusals) {
    await t.test(name, async () => {
      const error = await failure(stranger().authorize({ grant_type: jwtGrant, assertion: token }));
      assert.equal(error.name, code);
      assert.equal(error.message, words);
    });
  }
  await t.test('secret', async () => {
    const conn = stranger({ oauth2: { loginUrl: url, ...app, clientSecret: 'wrong' } });
    const error = await failure(conn.authorize({ grant_type: 'client_credentials' }));
    assert.equal(error.name, 'invalid_client');
  });
  await t.test('username and password', async () => {
    const error = await failure(stranger().loginByOAuth2(username, 'password'));
    assert.equal(error.name, 'invalid_grant');
    assert.equal(error.message, 'authentication failure');
  });
  await t.test('SOAP login', async () => {
    const error = await failure(stranger().loginBySoap(username, 'password'));
    assert.match(error.message, /SOAP API login\(\) is disabled/);
  });
});

test('an ended session is refused, and refreshed by a client that can', async () => {
  const conn = await connect();
  await conn.oauth2.revokeToken(conn.accessToken);
  const ended = { instanceUrl: url, accessToken: conn.accessToken, version };
  const error = await failure(new jsforce.Connection(ended).query('SELECT Id FROM Lead LIMIT 1'));
  assert.equal(error.errorCode, 'INVALID_SESSION_ID');

  let refreshed = 0;
  const lasting = new jsforce.Connection({
    ...ended,
    refreshFn: async (_, callback) => {
      refreshed += 1;
      callback(null, (await connect()).accessToken);
    },
  });
  const { records } = await lasting.query('SELECT Id FROM Lead LIMIT 1');
  assert.equal(records.length, 1);
  assert.equal(refreshed, 1);
});

test('a token that is not one cannot be revoked', async () => {
  const error = await failure(stranger().oauth2.revokeToken('rubbish'));
  assert.equal(error.name, 'invalid_token');
});
