/**
 * What pg_proc says about the functions that report on space, in the form that `facts.ts` explains. PostgreSQL gives those of
 * its extensions new oids in every database; these are ours.
 */
export const SPACE_FUNCTION_FACTS = `
${[
  'dm_db_index_physical_stats 14100:any,any,any,int4,text:record:vR',
  'database,object,index,partition,mode',
  [
    'database_id=int4,object_id=int4,index_id=int4,partition_number=int4,index_type_desc=text,alloc_unit_type_desc=text',
    'index_depth=int2,index_level=int2,avg_fragmentation_in_percent=float8,fragment_count=int8',
    'avg_fragment_size_in_pages=float8,page_count=int8,avg_page_space_used_in_percent=float8,record_count=int8',
    'ghost_record_count=int8,version_ghost_record_count=int8,min_record_size_in_bytes=int4,max_record_size_in_bytes=int4',
    'avg_record_size_in_bytes=float8,forwarded_record_count=int8,compressed_page_count=int8,hobt_id=int8',
    'columnstore_delete_buffer_state=int2,columnstore_delete_buffer_state_desc=text,version_record_count=int8',
    'inrow_version_record_count=int8,inrow_diff_version_record_count=int8,total_inrow_version_payload_size_in_bytes=int8',
    'offrow_regular_version_record_count=int8,offrow_long_term_version_record_count=int8',
  ].join(','),
].join(':')}
${[
  'extent_stats 14101:regclass:record:vSR',
  'relation',
  [
    'name=text,kind=text,pages=int8,used_percent=float8,fill_percent=float8,fragmentation_percent=float8,extents=int8',
    'io_runs=int8,hints=text,gain_pages=int8,gain=text',
  ].join(','),
].join(':')}
${[
  'pgstattuple 14102:regclass:record:vSR',
  'reloid',
  [
    'table_len=int8,tuple_count=int8,tuple_len=int8,tuple_percent=float8,dead_tuple_count=int8,dead_tuple_len=int8',
    'dead_tuple_percent=float8,free_space=int8,free_percent=float8',
  ].join(','),
].join(':')}
${[
  'pgstatindex 14103:regclass:record:vSR',
  'relname',
  [
    'version=int4,tree_level=int4,index_size=int8,root_block_no=int8,internal_pages=int8,leaf_pages=int8',
    'empty_pages=int8,deleted_pages=int8,avg_leaf_density=float8,leaf_fragmentation=float8',
  ].join(','),
].join(':')}
pg_freespace 14104:regclass:record:vSR:rel:blkno=int8,avail=int2
pg_freespace 14105:regclass,int8:int2:vS
maintenance_advice 14121:float8,int8:text:i:avg_fragmentation_in_percent,page_count
${[
  'trim 14120::record:vR',
  '',
  [
    'first_page=int8,pages=int8,aligned_first_page=int8,aligned_pages=int8,trimmed_before=int8,trimmed_after=int8',
    'newly_trimmed=int8',
  ].join(','),
].join(':')}
`;
