using Elt.Chaos.Workers;

namespace Elt.Chaos;

/// <summary>The worker that the proofs kill: <c>dotnet Elt.Chaos.dll worker --postgres CONNECTION</c>.</summary>
internal static class Program
{
    public static async Task<int> Main(string[] arguments)
    {
        if (arguments is not ["worker", .. var options] || options.Length % 2 != 0)
        {
            await Console.Error.WriteLineAsync("worker --postgres CONNECTION | --sqlite FOLDER --runs N, --lease SECONDS, --concurrency N, --pause MILLISECONDS");
            return 2;
        }
        await WorkerProgram.RunAsync(options.Chunk(2).ToDictionary(pair => pair[0].TrimStart('-'), pair => pair[1]));
        return 0;
    }
}
