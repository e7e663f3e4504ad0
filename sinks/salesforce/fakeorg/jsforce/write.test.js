import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { connect, failure } from './org.js';

const key = 'Lead_Key__c';
let conn;
let leads;
let ids; // of the leads W000001 to W000009, which this file may write to

before(async () => {
  conn = await connect();
  leads = conn.sobject('Lead');
  const found = await leads.find({ Company: 'Written' }, 'Id, Lead_Key__c').sort(key);
  ids = found.map((r) => r.Id);
});

test('a collection is updated by id', async () => {
  const results = await leads.update([
    { Id: ids[0], Lead_Score__c: 91, Lead_Grade__c: 'A', Lead_Score_Probability__c: 0.123456 },
    { Id: ids[1], Lead_Score__c: 12, Lead_Scored_At__c: '2026-11-22T13:15:00Z', Lead_Score_Version__c: 1795353300000000 },
  ]);
  assert.deepEqual(results, [{ id: ids[0], success: true, errors: [] }, { id: ids[1], success: true, errors: [] }]);
  const [one, two] = await leads.retrieve(ids.slice(0, 2));
  assert.deepEqual([one.Lead_Score__c, one.Lead_Grade__c, one.Lead_Score_Probability__c], [91, 'A', 0.123456]);
  assert.deepEqual([two.Lead_Scored_At__c, two.Lead_Score_Version__c], ['2026-11-22T13:15:00.000+0000', 1795353300000000]);
});

test('a collection is upserted by external id', async () => {
  const results = await leads.upsert([{ [key]: 'W000003', Lead_Score__c: 33 }, { [key]: 'w000004', Lead_Score__c: 44 }], key);
  assert.deepEqual(results.map(({ id, success, created }) => ({ id, success, created })), [
    { id: ids[2], success: true, created: false },
    { id: ids[3], success: true, created: false },
  ]);
});

test('an upsert makes a lead that was not there, if it has all that a lead needs', async () => {
  const admin = await connect({ oauth2: { loginUrl: conn.oauth2.loginUrl, clientId: 'admin-app', clientSecret: 'admin-secret' } });
  const made = await admin.sobject('Lead').upsert([{ [key]: 'N000001', LastName: 'New', Company: 'New' }, { [key]: 'N000002', Lead_Score__c: 1 }], key);
  assert.equal(made[0].created, true);
  assert.deepEqual(made[1].errors, [
    { statusCode: 'REQUIRED_FIELD_MISSING', message: 'Required fields are missing: [LastName, Company]', fields: ['LastName', 'Company'] },
  ]);
  assert.equal((await admin.sobject('Lead').upsert({ [key]: 'N000001', City: 'Berlin' }, key)).created, false);
  const twins = await admin.sobject('Lead').create([
    { LastName: 'A', Company: 'New', [key]: 'N000003' },
    { LastName: 'B', Company: 'New', [key]: 'N000003' },
  ]);
  assert.equal(twins[0].success, true);
  assert.equal(twins[1].errors[0].statusCode, 'DUPLICATE_VALUE');
  assert.equal((await admin.sobject('Lead').destroy([made[0].id, twins[0].id])).every((r) => r.success), true);
});

test('rows are refused one by one, in the order in which they came', async () => {
  const gone = process.env.FAKEORG_DELETED;
  const results = await leads.update([
    { Id: ids[4], Lead_Score__c: 55 },
    { Id: ids[5], Lead_Grade__c: 'much too long' },
    { Id: ids[6], Lead_Score__c: 1000 },
    { Id: '00Q_nonsense', Lead_Score__c: 1 },
    { Id: gone, Lead_Score__c: 1 },
    { Id: process.env.FAKEORG_CONVERTED, Lead_Score__c: 1 },
    { Id: process.env.FAKEORG_LOCKED, Lead_Score__c: 1 },
    { Id: ids[7], City: 'Berlin' },
  ]);
  assert.deepEqual(results.map((r) => (r.success ? 'ok' : r.errors[0].statusCode)), [
    'ok', 'STRING_TOO_LONG', 'NUMBER_OUTSIDE_VALID_RANGE', 'MALFORMED_ID', 'ENTITY_IS_DELETED',
    'CANNOT_UPDATE_CONVERTED_LEAD', 'UNABLE_TO_LOCK_ROW', 'INVALID_FIELD_FOR_INSERT_UPDATE',
  ]);
  assert.deepEqual(results[1].errors[0].fields, ['Lead_Grade__c']);
});

test('the same lead twice in one request is refused twice', async () => {
  const twice = await leads.upsert([{ [key]: 'W000009', Lead_Score__c: 1 }, { [key]: 'W000009', Lead_Score__c: 2 }], key);
  assert.deepEqual(twice.map((r) => r.errors[0].message), Array(2).fill('Duplicate external id specified: W000009'));
});

test('all or none takes everything back', async () => {
  const results = await leads.update([{ Id: ids[8], Lead_Score__c: 99 }, { Id: ids[5], Lead_Score__c: 1000 }], { allOrNone: true });
  assert.deepEqual(results.map((r) => r.errors[0].statusCode), ['ALL_OR_NONE_OPERATION_ROLLED_BACK', 'NUMBER_OUTSIDE_VALID_RANGE']);
  assert.equal((await leads.retrieve(ids[8])).Lead_Score__c, null);
});

test('a request with an unknown field, a wrong type or too many rows is refused as a whole', async () => {
  const unknown = await failure(leads.update([{ Id: ids[0], Shoe__c: 1 }, { Id: ids[1], Lead_Score__c: 1 }]));
  assert.equal(unknown.errorCode, 'INVALID_FIELD');
  assert.equal(unknown.message, "No such column 'Shoe__c' on sobject of type Lead");
  const mistyped = await failure(leads.update([{ Id: ids[0], Lead_Score__c: 'high' }, { Id: ids[1] }]));
  assert.equal(mistyped.errorCode, 'JSON_PARSER_ERROR');
  assert.match(mistyped.message, /^Cannot deserialize instance of double from VALUE_STRING value high .* at \[line:1, column:\d+\]$/);
  const records = Array.from({ length: 201 }, () => ({ attributes: { type: 'Lead' }, Id: ids[0] }));
  const many = await failure(conn.request({
    method: 'PATCH', url: '/composite/sobjects', body: JSON.stringify({ records }), headers: { 'content-type': 'application/json' },
  }));
  assert.equal(many.errorCode, 'EXCEEDED_ID_LIMIT');
});

test('one record is written, read and refused', async () => {
  assert.deepEqual(await leads.update({ Id: ids[0], Lead_Grade__c: 'B' }), { id: ids[0], success: true, errors: [] });
  const error = await failure(leads.update({ Id: ids[0], Lead_Grade__c: 'much too long' }));
  assert.equal(error.errorCode, 'STRING_TOO_LONG');
  assert.equal((await failure(leads.update({ Id: process.env.FAKEORG_DELETED, Lead_Grade__c: 'B' }))).errorCode, 'ENTITY_IS_DELETED');
});
