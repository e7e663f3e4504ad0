import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { before, test } from 'node:test';
import { connect, failure, url } from './org.js';

const key = 'Lead_Key__c';
let conn;
let ids; // of the leads B000001 to B000009, which this file may write to

before(async () => {
  conn = await connect();
  conn.bulk2.pollInterval = 10;
  const found = await conn.sobject('Lead').find({ Company: 'Bulk' }, 'Id').sort(key);
  ids = found.map((r) => r.Id);
});

const admin = async () => {
  const other = await connect({ oauth2: { loginUrl: url, clientId: 'admin-app', clientSecret: 'admin-secret' } });
  other.bulk2.pollInterval = 10;
  return other;
};

test('bulk2 loads an update', async () => {
  const input = [
    { Id: ids[0], Lead_Score__c: 91, Lead_Grade__c: 'A', Lead_Score_Model__c: 'says "hi",\nand leaves' },
    { Id: ids[1], Lead_Score__c: 12, Lead_Grade__c: null, Lead_Score_Model__c: '' },
  ];
  const results = await conn.bulk2.loadAndWaitForResults({ object: 'Lead', operation: 'update', input });
  assert.deepEqual(results.successfulResults.map((r) => r.sf__Id).sort(), ids.slice(0, 2));
  assert.deepEqual(results.failedResults, []);
  assert.deepEqual(results.unprocessedRecords, []);
  const told = results.successfulResults.find((r) => r.Id === ids[0]);
  assert.deepEqual(told, {
    sf__Id: ids[0], sf__Created: 'false', Id: ids[0], Lead_Score__c: '91', Lead_Grade__c: 'A', Lead_Score_Model__c: 'says "hi",\nand leaves',
  });
  const [one] = await conn.sobject('Lead').retrieve(ids.slice(0, 1));
  assert.deepEqual([one.Lead_Score__c, one.Lead_Score_Model__c], [91, 'says "hi",\nand leaves']);
});

test('null empties a field, an empty text leaves it', async () => {
  const leads = conn.sobject('Lead');
  await leads.update({ Id: ids[2], Lead_Grade__c: 'A', Lead_Score_Model__c: 'm' });
  await conn.bulk2.loadAndWaitForResults({
    object: 'Lead', operation: 'update', input: [{ Id: ids[2], Lead_Grade__c: null, Lead_Score_Model__c: '' }],
  });
  const lead = await leads.retrieve(ids[2]);
  assert.deepEqual([lead.Lead_Grade__c, lead.Lead_Score_Model__c], [null, 'm']);
});

test('bulk2 loads an upsert, and says which leads it made', async () => {
  const { bulk2 } = await admin();
  const { successfulResults, failedResults } = await bulk2.loadAndWaitForResults({
    object: 'Lead', operation: 'upsert', externalIdFieldName: key,
    input: [
      { [key]: 'B000004', LastName: 'Four', Company: 'Bulk' },
      { [key]: 'M000001', LastName: 'Made', Company: 'Made' },
      { [key]: 'M000002', LastName: 'Made', Company: '' },
    ],
  });
  assert.deepEqual(successfulResults.map((r) => [r[key], r.sf__Created]).sort(), [['B000004', 'false'], ['M000001', 'true']]);
  assert.deepEqual(failedResults.map((r) => [r[key], r.sf__Id, r.sf__Error]), [
    ['M000002', '', 'REQUIRED_FIELD_MISSING:Required fields are missing: [Company]:Company --'],
  ]);
});

test('rows are refused one by one', async () => {
  const { successfulResults, failedResults } = await conn.bulk2.loadAndWaitForResults({
    object: 'Lead', operation: 'update',
    input: [
      { Id: ids[4], Lead_Score__c: '55' },
      { Id: ids[5], Lead_Score__c: '1000' },
      { Id: ids[6], Lead_Score__c: 'high' },
      { Id: process.env.FAKEORG_DELETED, Lead_Score__c: '1' },
      { Id: process.env.FAKEORG_CONVERTED, Lead_Score__c: '1' },
      { Id: process.env.FAKEORG_LOCKED, Lead_Score__c: '1' },
    ],
  });
  assert.deepEqual(successfulResults.map((r) => r.Id), [ids[4]]);
  assert.deepEqual(Object.fromEntries(failedResults.map((r) => [r.Id, r.sf__Error.split(':')[0]])), {
    [ids[5]]: 'NUMBER_OUTSIDE_VALID_RANGE',
    [ids[6]]: 'INVALID_FIELD',
    [process.env.FAKEORG_DELETED]: 'ENTITY_IS_DELETED',
    [process.env.FAKEORG_CONVERTED]: 'CANNOT_UPDATE_CONVERTED_LEAD',
    [process.env.FAKEORG_LOCKED]: 'UNABLE_TO_LOCK_ROW',
  });
});

test('a job is taken step by step, from a stream, with another delimiter', async () => {
  const job = conn.bulk2.createJob({ object: 'Lead', operation: 'update', columnDelimiter: 'PIPE', lineEnding: 'CRLF' });
  const opened = await job.open();
  assert.equal(opened.state, 'Open');
  assert.equal(opened.apiVersion, 66);
  assert.equal(opened.contentUrl, `services/data/v66.0/jobs/ingest/${job.id}/batches`);
  await job.uploadData(Readable.from([`Id|Lead_Score__c\r\n${ids[7]}|`, '77\r\n']));
  await job.close();
  assert.equal(job.getInfo().state, 'UploadComplete');
  await job.poll(10, 5000);
  const info = await job.check();
  assert.deepEqual([info.state, info.numberRecordsProcessed, info.numberRecordsFailed, info.retries], ['JobComplete', 1, 0, 0]);
  assert.deepEqual((await job.getSuccessfulResults()).map((r) => r.sf__Id), [ids[7]]);
  const again = conn.bulk2.job('ingest', { id: job.id });
  assert.equal((await again.check()).state, 'JobComplete');
  assert.equal(await again.getSuccessfulResults(true), `"sf__Id"|"sf__Created"|Id|Lead_Score__c\r\n"${ids[7]}"|"false"|"${ids[7]}"|"77"\r\n`);
  const { done, records } = await conn.request('/services/data/v66.0/jobs/ingest?jobType=V2Ingest');
  assert.ok(done && records.some((r) => r.id === job.id));
  await job.delete();
  assert.equal((await failure(again.check())).errorCode, 'NOT_FOUND');
});

test('a job is aborted', async () => {
  const job = conn.bulk2.createJob({ object: 'Lead', operation: 'update' });
  await job.open();
  await job.uploadData(`Id,Lead_Score__c\n${ids[8]},1\n`);
  await job.abort();
  assert.match((await failure(job.poll(10, 5000))).message, /Job has been aborted/);
  assert.deepEqual(await job.getAllResults(), {
    successfulResults: [], failedResults: [], unprocessedRecords: [{ Id: ids[8], Lead_Score__c: '1' }],
  });
  assert.equal((await failure(job.close())).errorCode, 'INVALIDJOBSTATE');
});

test('a job with an unknown column fails, and says why', async () => {
  const error = await failure(conn.bulk2.loadAndWaitForResults({
    object: 'Lead', operation: 'update', input: [{ Id: ids[0], Shoe__c: '1' }],
  }));
  assert.match(error.message, /InvalidBatch : Field name not found : Shoe__c/);
});

test('a job that cannot be made is refused', async () => {
  const error = await failure(conn.bulk2.createJob({ object: 'Shoe__c', operation: 'update' }).open());
  assert.equal(error.errorCode, 'INVALIDENTITY');
});

test('a query updates what it finds in bulk', async () => {
  const found = conn.sobject('Lead').find({ [key]: { $in: ['B000001', 'B000002', 'B000003'] } }, `Id, ${key}`);
  const results = await found.update({ Lead_Grade__c: 'Z' }, { bulkThreshold: 1, bulkApiVersion: 2 });
  assert.deepEqual(results.map((r) => r.id).sort(), ids.slice(0, 3));
  assert.equal((await conn.sobject('Lead').retrieve(ids[1])).Lead_Grade__c, 'Z');
});

test('the Tooling API shows the rules to whoever may view setup', async () => {
  const soql = "SELECT ValidationName, Active, ErrorDisplayField FROM ValidationRule WHERE EntityDefinition.QualifiedApiName = 'Lead'";
  const other = await admin();
  assert.deepEqual((await other.tooling.query(soql)).records, []);
  assert.equal((await failure(conn.tooling.query(soql))).errorCode, 'INVALID_TYPE');
});
