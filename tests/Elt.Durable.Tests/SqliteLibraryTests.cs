using System.Runtime.CompilerServices;
using Elt.Durable.Ledger;
using Elt.Testing;
using Microsoft.Data.Sqlite;

namespace Elt.Durable.Tests;

public sealed class SqliteLibraryTests
{
    /// <summary>When it fails, it takes the whole process with it: "A callback was made on a garbage collected delegate".</summary>
    [Fact]
    public void A_connection_keeps_its_functions_when_other_code_loads_the_library_again()
    {
        using var folder = new TempFolder();
        using var database = new SqliteDatabase(folder.File("functions.db"), RegisterWhileOthersLoad);
        using var connection = database.OpenRead();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();

        using var command = connection.CreateCommand();
        command.CommandText = "select twice(1) + thrice(1)";
        Assert.Equal(5L, command.ExecuteScalar());
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void RegisterWhileOthersLoad(SqliteConnection connection)
    {
        connection.CreateFunction<long, long>("twice", n => 2 * n);
        SQLitePCL.Batteries_V2.Init();
        connection.CreateFunction<long, long>("thrice", n => 3 * n);
        SQLitePCL.Batteries_V2.Init();
    }
}
