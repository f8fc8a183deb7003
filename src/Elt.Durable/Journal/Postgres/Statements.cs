using Npgsql;

namespace Elt.Durable.Journal.Postgres;

/// <summary>The statements of one commit. Parameter 1 is the time that replaces the database's clock in tests, parameter 2 the worker.</summary>
internal sealed class Statements(PostgresStore store, string workerId)
{
    private readonly List<NpgsqlBatchCommand> _commands = [];
    private readonly Dictionary<Type, int> _counted = [];
    private readonly Dictionary<Type, ulong> _counts = [];

    public Statements Add(string sql, params NpgsqlParameter[] parameters)
    {
        var command = new NpgsqlBatchCommand(sql) { Parameters = { store.Now(), new NpgsqlParameter<string> { TypedValue = workerId } } };
        foreach (var parameter in parameters)
            command.Parameters.Add(parameter);
        _commands.Add(command);
        return this;
    }

    /// <summary>Adds a statement over rows.</summary>
    /// <param name="statement">The statement.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="end">What its text ends with.</param>
    public void Add<T>(RowStatement<T> statement, List<T> rows, string end = "")
    {
        var (text, columns) = statement.For(rows);
        Add(text + end, columns);
    }

    /// <summary>Adds a statement whose number of changed rows is asked for afterwards.</summary>
    public void AddCounted(Type write, string sql, params NpgsqlParameter[] parameters)
    {
        _counted[write] = _commands.Count;
        Add(sql, parameters);
    }

    /// <summary>Adds a statement over rows; how many it changed can be asked for afterwards.</summary>
    /// <param name="statement">The statement.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="end">What its text ends with.</param>
    /// <param name="others">Its parameters before the rows.</param>
    public void AddCounted<T>(RowStatement<T> statement, List<T> rows, string end = "", params NpgsqlParameter[] others)
    {
        var (text, columns) = statement.For(rows);
        AddCounted(typeof(T), text + end, [.. others, .. columns]);
    }

    public void NotifyWhen(bool isDue)
    {
        if (isDue)
            Add(PostgresHints.NotifyWork);
    }

    public NpgsqlBatch ToBatch(NpgsqlConnection connection)
    {
        var batch = new NpgsqlBatch(connection);
        foreach (var command in _commands)
            batch.BatchCommands.Add(command);
        return batch;
    }

    public void TakeCounts(NpgsqlBatch batch)
    {
        foreach (var (write, index) in _counted)
            _counts[write] = batch.BatchCommands[index].Rows;
    }

    public bool ChangedFewer(Type write, int expected) => expected > 0 && _counts[write] < (ulong)expected;
}
