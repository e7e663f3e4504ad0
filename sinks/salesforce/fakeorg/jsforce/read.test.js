import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, failure, url } from './org.js';

test('versions are listed without a session', async () => {
  const response = await fetch(`${url}/services/data/`);
  const versions = await response.json();
  assert.deepEqual(versions.find((v) => v.version === '66.0'), {
    label: "Spring '26", url: '/services/data/v66.0', version: '66.0',
  });
});

test('limits and the usage header agree', async () => {
  const conn = await connect();
  const limits = await conn.limits();
  assert.equal(limits.DailyApiRequests.Max, 15000);
  assert.equal(conn.limitInfo.apiUsage.limit, 15000);
  assert.ok(limits.DailyApiRequests.Remaining < 15000);
});

test('the org describes its objects', async () => {
  const conn = await connect();
  const { sobjects } = await conn.describeGlobal();
  assert.ok(sobjects.some((o) => o.name === 'Lead' && o.keyPrefix === '00Q'));
  const lead = await conn.describe('Lead');
  const field = (name) => lead.fields.find((f) => f.name === name);
  assert.deepEqual(
    [field('Lead_Score__c').type, field('Lead_Score__c').precision, field('Lead_Score__c').scale],
    ['double', 3, 0],
  );
  assert.equal(field('Lead_Score__c').updateable, true);
  assert.equal(field('City').updateable, false, 'the integration user may not edit it');
  assert.equal(field('Lead_Key__c').externalId, true);
  assert.deepEqual(field('OwnerId').referenceTo, ['User']);
});

test('a query comes in pages', async () => {
  const conn = await connect();
  const first = await conn.query('SELECT Id, Lead_Key__c, Owner.Name FROM Lead WHERE Company = \'Paged\' ORDER BY Lead_Key__c');
  assert.equal(first.totalSize, 2345);
  assert.equal(first.records.length, 2000);
  assert.equal(first.done, false);
  const second = await conn.queryMore(first.nextRecordsUrl);
  assert.equal(second.records.length, 345);
  assert.equal(second.done, true);
  assert.equal(second.records.at(-1).Lead_Key__c, 'P002345');
  assert.equal(second.records[0].Owner.Name, 'Rita Rep');

  const all = await conn.query('SELECT Id FROM Lead WHERE Company = \'Paged\'', { autoFetch: true, maxFetch: 5000, headers: { 'Sforce-Query-Options': 'batchSize=500' } });
  assert.equal(all.records.length, 2345);
});

test("jsforce's own query builder is understood", async () => {
  const conn = await connect();
  const leads = conn.sobject('Lead');
  const found = await leads
    .find({ Company: 'Paged', Lead_Key__c: { $in: ['P000001', 'P000003'] }, City: null, LastName: { $like: 'Pa%' } }, 'Id, Lead_Key__c')
    .sort({ Lead_Key__c: -1 })
    .limit(5);
  assert.deepEqual(found.map((r) => r.Lead_Key__c), ['P000003', 'P000001']);
  assert.equal(await leads.count({ Company: 'Paged' }), 2345);
  const one = await leads.findOne({ Lead_Key__c: 'P000007' }, { Name: 1, 'Owner.Username': 1, CreatedDate: 1 });
  assert.equal(one.Name, 'Pat Page');
  assert.match(one.CreatedDate, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+0000$/);
  const read = await leads.retrieve(found.map((r) => r.Id));
  assert.deepEqual(read.map((r) => r.Company), ['Paged', 'Paged']);
});

test('a query that cannot be run says where and why', async (t) => {
  const conn = await connect();
  const queries = [
    ['SELECT Id, Shoe__c FROM Lead', 'INVALID_FIELD', /ERROR at Row:1:Column:12\nNo such column 'Shoe__c' on entity 'Lead'/],
    ['SELECT Id FROM Shoe__c', 'INVALID_TYPE', /sObject type 'Shoe__c' is not supported/],
    ['SELECT Id Lead', 'MALFORMED_QUERY', /unexpected token: 'Lead'/],
    ['SELECT Id FROM Lead WHERE Lead_Score__c = \'7\'', 'INVALID_FIELD', /must be of type double and should not be enclosed in quotes/],
    ['SELECT Id FROM Lead WHERE City LIKE 5', 'INVALID_FIELD', /must be of type string/],
  ];
  for (const [query, code, words] of queries) {
    await t.test(query, async () => {
      const error = await failure(conn.query(query));
      assert.equal(error.errorCode, code);
      assert.match(error.message, words);
    });
  }
});

test('what is not there is not found', async () => {
  const conn = await connect();
  const attempts = [
    () => conn.sobject('Lead').retrieve('00QDn0000zzzzzzMAA'),
    () => conn.describe('Shoe__c'),
    () => conn.request('/services/data/v66.0/shoes'),
  ];
  for (const attempt of attempts) {
    assert.equal((await failure(attempt())).errorCode, 'NOT_FOUND');
  }
});
