using System.Text.RegularExpressions;
using Elt.Durable.Ledger;
using Elt.Pipelines.Changes;
using Elt.Pipelines.Destinations;
using Elt.Pipelines.Schema;
using Elt.Pipelines.Tests.Suite;
using Elt.Pipelines.Warehouse;
using Elt.Testing;
using Npgsql;
using Xunit;

namespace Elt.Pipelines.Tests.Datasets;

/// <summary>The tables that a declaration makes, and what becomes of them when it changes.</summary>
public sealed partial class DatasetTablesTests : IDisposable
{
    private static readonly Dataset Groups = new("groups", [new DatasetColumn("title"), new DatasetColumn("members", ColumnKind.Integer)]);

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("Warehouse/Migrations")]
    [InlineData("Destinations/Migrations/Sqlite")]
    public async Task Users_in_SQLite_are_declared_as_the_migrations_have_made_them(string store)
    {
        using var migrated = new SqliteDatabase(_folder.File("migrated.db"));
        using var declared = new SqliteDatabase(_folder.File("declared.db"));
        await SqliteMigrations.ApplyAsync(migrated, store, default);
        await SqliteTables.EnsureAsync(
            declared, store.StartsWith("Warehouse", StringComparison.Ordinal) ? WarehouseTables.Of(Dataset.Users) : DestinationTables.Sqlite(Dataset.Users), default);

        Assert.Equal(Shape(migrated), Shape(declared));
    }

    [Fact]
    public async Task Users_in_Postgres_are_declared_as_the_migrations_have_made_them()
    {
        await using var migrated = NpgsqlDataSource.Create(await PostgresServer.CreateDatabaseAsync());
        await using var declared = await EmptyAsync();
        await PostgresMigrations.ApplyAsync(migrated, "Destinations/Migrations/Postgres", default);
        await PostgresTables.EnsureAsync(declared, DestinationTables.Postgres(Dataset.Users), default);

        var shape = await ShapeAsync(declared);

        Assert.Equal(await ShapeAsync(migrated), shape);
        Assert.True(shape.Length > 30);
    }

    [Fact]
    public async Task Processes_that_start_at_once_create_and_extend_tables_once()
    {
        await using var dataSource = await EmptyAsync();
        using var file = new SqliteDatabase(_folder.File("a.db"));
        using var sameFile = new SqliteDatabase(_folder.File("a.db"));
        var wider = Groups with { Columns = [.. Groups.Columns, new DatasetColumn("score", ColumnKind.Decimal)] };

        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => PostgresTables.EnsureAsync(dataSource, DestinationTables.Postgres(i % 2 == 0 ? Groups : wider), default)));
        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() => SqliteTables.EnsureAsync(i % 3 == 0 ? file : sameFile, WarehouseTables.Of(i % 2 == 0 ? Groups : wider), default))));

        Assert.Equal(2, (await ShapeAsync(dataSource)).Count(line => line.Contains("score numeric", StringComparison.Ordinal)));
        Assert.Equal(4, Shape(file).Count(line => line.Contains("|score|decimal text|", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_column_that_is_gone_from_the_declaration_stays_with_its_values_and_comes_back_with_them()
    {
        await using var dataSource = await EmptyAsync();
        await PostgresTables.EnsureAsync(dataSource, DestinationTables.Postgres(Groups), default);
        await ExecuteAsync(dataSource, "insert into elt.groups (organization_id, connected_integration_id, external_id, id, members, last_seq) values ('o', 'i', 'g', gen_random_uuid(), 7, 1)");

        await PostgresTables.EnsureAsync(dataSource, DestinationTables.Postgres(Groups with { Columns = [Groups.Columns[0]] }), default);
        await PostgresTables.EnsureAsync(dataSource, DestinationTables.Postgres(Groups), default);

        Assert.Equal(7L, await ExecuteAsync(dataSource, "select members from elt.groups"));
    }

    [Fact]
    public async Task Another_type_for_a_column_is_refused_and_nothing_is_changed()
    {
        await using var dataSource = await EmptyAsync();
        using var file = new SqliteDatabase(_folder.File("a.db"));
        await PostgresTables.EnsureAsync(dataSource, DestinationTables.Postgres(Groups), default);
        await SqliteTables.EnsureAsync(file, WarehouseTables.Of(Groups), default);
        var (before, beforeInFile) = (await ShapeAsync(dataSource), Shape(file));
        var other = Groups with { Columns = [new DatasetColumn("new"), new DatasetColumn("title", ColumnKind.Json)] };

        var inPostgres = await Assert.ThrowsAsync<SchemaException>(() => PostgresTables.EnsureAsync(dataSource, DestinationTables.Postgres(other), default));
        var inFile = await Assert.ThrowsAsync<SchemaException>(() => SqliteTables.EnsureAsync(file, WarehouseTables.Of(other), default));

        Assert.StartsWith("the column 'title' of the table 'groups' is declared as jsonb, and holds text.", inPostgres.Message, StringComparison.Ordinal);
        Assert.StartsWith("the column 'title' of the table 'groups_staging' is declared as json text, and holds text.", inFile.Message, StringComparison.Ordinal);
        Assert.Equal(before, await ShapeAsync(dataSource));
        Assert.Equal(beforeInFile, Shape(file));
    }

    [Fact]
    public async Task A_table_of_somebody_else_is_left_alone()
    {
        var connection = await PostgresServer.CreateDatabaseAsync();
        await using var dataSource = NpgsqlDataSource.Create(connection);
        using var warehouse = new WarehouseFile(_folder.File("warehouse.db"));
        await new PostgresDestination(dataSource, warehouse, Dataset.Users, new DeleteThresholds(), new DestinationOptions()).InitializeAsync();

        var refused = await Assert.ThrowsAsync<SchemaException>(
            () => PostgresTables.EnsureAsync(dataSource, DestinationTables.Postgres(Groups with { Name = "sync_stream" }), default));

        Assert.StartsWith("the table 'sync_stream' is none of a dataset, since it has no column 'external_id'", refused.Message, StringComparison.Ordinal);
        Assert.EndsWith(
            $"cannot be used: {refused.Message}", DatabaseProblem.Explain("destination", null, connection, refused), StringComparison.Ordinal);
    }

    private static async Task<NpgsqlDataSource> EmptyAsync()
    {
        var dataSource = NpgsqlDataSource.Create(await PostgresServer.CreateDatabaseAsync());
        await ExecuteAsync(dataSource, "create schema if not exists elt");
        return dataSource;
    }

    private static async Task<object?> ExecuteAsync(NpgsqlDataSource dataSource, string sql)
    {
        await using var command = dataSource.CreateCommand(sql);
        return await command.ExecuteScalarAsync();
    }

    /// <summary>Columns, checks, indexes and the kind of each table of <c>users</c> or <c>groups</c>.</summary>
    private static string[] Shape(SqliteDatabase database) =>
    [
        .. Workshop.Rows(
            database,
            """
            select m.name, c.name, c.type, c."notnull", c.dflt_value, c.pk, m.sql like '%without rowid' from sqlite_master m join pragma_table_info(m.name) c
            where m.type = 'table' and (m.name like 'users%' or m.name like 'groups%') order by m.name, c.cid
            """),
        .. Workshop.Rows(database, "select name || ' ' || replace(sql, '\"', '') from sqlite_master where type = 'index' and name like '%\\_current' escape '\\' and name not like 'delete%' order by 1")
            .Select(index => index.Replace("\n", " ", StringComparison.Ordinal)),
        .. Workshop.Rows(database, "select sql from sqlite_master where type = 'table' and (name like 'users%' or name like 'groups%') order by name")
            .Select(sql => string.Join(' ', Check().Matches(sql).Select(check => check.Value).Order(StringComparer.Ordinal))),
    ];

    private static async Task<string[]> ShapeAsync(NpgsqlDataSource dataSource)
    {
        await using var command = dataSource.CreateCommand(
            """
            select array(
              select line from (
                select concat_ws(' ', 'column', c.relname, lpad(a.attnum::text, 2), a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated, pg_get_expr(d.adbin, d.adrelid)) as line
                from pg_attribute a join pg_class c on c.oid = a.attrelid left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
                where c.relnamespace = 'elt'::regnamespace and c.relkind = 'r' and a.attnum > 0
                union all
                select concat_ws(' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid)) from pg_constraint where connamespace = 'elt'::regnamespace
                union all
                select 'index ' || indexdef from pg_indexes where schemaname = 'elt') shape
              where line ~ '(users|groups)'
              order by line collate "C")
            """);
        return (string[])(await command.ExecuteScalarAsync())!;
    }

    [GeneratedRegex(@"check \((?>[^()]+|(?<open>\()|(?<-open>\)))*(?(open)(?!))\)")]
    private static partial Regex Check();
}
